#!/usr/bin/env python3
"""librdkafka-properties.py CLIENTS

Prints librdkafka's properties as filter/config/librdkafka.tsv has them: name, C (consumer), P (producer) or * (both), type,
range or allowed values, default, and the property that it is an alias of. They are asked of the librdkafka inside the
confluent-kafka of the Python clients in CLIENTS (.cache/clients/python). What the properties mean is not taken over.
"""
import ctypes
import glob
import os
import re
import sys
import tempfile

libs = os.path.join(sys.argv[1], "confluent_kafka*.libs")
for lib in glob.glob(os.path.join(libs, "*")):  # librdkafka needs the others
    try:
        ctypes.CDLL(lib, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        pass
rdkafka = ctypes.CDLL(glob.glob(os.path.join(libs, "librdkafka*"))[0])
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
rdkafka.rd_kafka_version_str.restype = ctypes.c_char_p
with tempfile.NamedTemporaryFile() as out:
    file = ctypes.c_void_p(libc.fopen(out.name.encode(), b"w"))
    rdkafka.rd_kafka_conf_properties_show(file)
    libc.fclose(file)
    rows = [[cell.strip() for cell in re.split(r"(?<!\|) \| ?(?!\|)", line)] for line in open(out.name)]

print(f"# librdkafka {rdkafka.rd_kafka_version_str().decode()}, by build/librdkafka-properties.py: do not edit")
seen = {}
for row in rows:
    if len(row) < 6 or row[1] not in ("C", "P", "*"):
        continue
    name, who, allowed, default, about = row[0], row[1], row[2], row[3], row[-1]
    kind = re.search(r"\*Type: ([^*]+)\*", about).group(1)
    alias = re.match(r"(?:\*\*DEPRECATED\*\* )?Alias for `([^`]+)`", about)
    if name in seen:  # of a topic as well as global: the producer's counts, the global one first
        continue
    seen[name] = True
    print("\t".join([name, who, kind, allowed, default, alias.group(1) if alias else ""]))
