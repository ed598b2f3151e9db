"""The client matrix's driver of kcat, one process of it for each topic. KCAT names the binary.

kcat cannot say everything: timestamps are the time of sending, headers are the same for all records, and with -Z what is
empty becomes null. Its delivery reports do not name the record, so records are reported in the order of each partition.
"""

import os
import re
import subprocess

import login
import matrix

FIELD, RECORD = "\x1f", "\x1e"


def main():
    bootstrap, topics, count, settings = matrix.arguments()
    for index, text in enumerate(settings):
        setting = matrix.Setting(index, text)
        numbers = {topic: [] for topic in topics}
        for topic, n in matrix.records(topics, count, index):
            numbers[topic].append(n)
        running = [(topic, start(bootstrap, topic, numbers[topic], setting)) for topic in topics]
        for topic, process in running:
            finish(setting, topic, numbers[topic], process)


def start(bootstrap, topic, numbers, setting):
    command = [os.environ["KCAT"], "-P", "-b", bootstrap, "-t", topic, "-Z", "-K", FIELD, "-D", RECORD]
    command += ["-H", "twice=first", "-H", "twice=second", "-H", "empty=", "-H", "null"]
    for option in config(setting):
        command += ["-X", option]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = RECORD.join(
        (matrix.key(n) or b"").decode() + FIELD + (matrix.value(topic, n) or b"").decode() for n in numbers
    )
    process.stdin.write(text.encode())
    process.stdin.close()
    return process


def finish(setting, topic, numbers, process):
    said = process.stdout.read().decode(errors="replace").strip()
    code = process.wait()
    for n in numbers:
        setting.report(topic, n, None if code == 0 and "failed" not in said else shown(said) or f"exit code {code}")


def shown(said):
    """What it prints, without when."""
    return re.sub(r"%\d\|[0-9.]+\|FAIL\|", "", said)


def config(setting):
    yield from (f"{name}={value}" for name, value in login.librdkafka(setting).items())
    if setting.codec is not None:
        yield f"compression.codec={setting.codec}"
        yield "linger.ms=20"
    if setting.acks is not None:
        yield f"acks={setting.acks}"
    if setting.idempotent is not None:
        yield f"enable.idempotence={str(setting.idempotent).lower()}"


if __name__ == "__main__":
    main()
