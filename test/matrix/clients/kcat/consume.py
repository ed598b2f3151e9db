"""The client matrix's driver of kcat as a consumer. KCAT names the binary.

In a group it is one process of it, which commits when it ends. Without a group it takes one topic, so that it is one for each.
"""

import os
import subprocess

import consuming

FIELD, RECORD = "\x1f", "\x1e"
FORMAT = FIELD.join(["%t", "%p", "%o", "%K", "%k", "%S", "%s"]) + RECORD


def consume(bootstrap, job):
    if not job.assigned:
        read(job, "-b", bootstrap, "-G", job.group, "-c", str(job.count), "-X", "auto.offset.reset=earliest", *job.topics)
        return
    for topic in job.topics:
        read(job, "-b", bootstrap, "-C", "-t", topic, "-o", "beginning", "-e")


def read(job, *args):
    run = subprocess.run(
        [os.environ["KCAT"], "-q", "-f", FORMAT, *args],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=consuming.LIMIT,
    )
    for line in run.stdout.decode().split(RECORD)[:-1]:
        topic, partition, offset, key_size, key, size, value = line.split(FIELD)
        job.record(
            topic, int(partition), int(offset), None if key_size == "-1" else key.encode(), None if size == "-1" else value.encode()
        )
    said = run.stderr.decode().strip()
    if run.returncode != 0 or "ERROR" in said:
        raise RuntimeError(said or f"exit code {run.returncode}")


consuming.main(consume)
