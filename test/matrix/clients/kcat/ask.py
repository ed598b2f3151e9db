"""What kcat does besides producing, for the client matrix. KCAT names the binary."""

import os
import subprocess

import asking


def ask(bootstrap, question, topic):
    if question == "topics":
        return " ".join(sorted(listed(kcat(bootstrap, "-L"))))
    if question == "topic":
        partitions, error = listed(kcat(bootstrap, "-L", "-t", topic))[topic]
        if error:
            raise RuntimeError(error)
        return f"{partitions} partitions"
    if question == "reconnect":
        return asking.again(ask, bootstrap, topic)
    if question == "send":
        kcat(bootstrap, "-P", "-t", topic, "-X", "message.timeout.ms=5000", said="x")
        return "stored"
    if question == "consume":
        return f"{kcat(bootstrap, '-C', '-t', topic, '-e', '-c', '1', '-o', 'beginning').count('x')} records"
    raise ValueError(question)


def kcat(bootstrap, *args, said=""):
    run = subprocess.run(
        [os.environ["KCAT"], "-b", bootstrap, "-m", "5", *args],
        input=said.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20,
    )
    errors = [line for line in run.stderr.decode().splitlines() if line.startswith("% ERROR") or "Delivery failed" in line]
    if run.returncode != 0 or errors:
        raise RuntimeError(" ".join(errors) or f"exit code {run.returncode}")
    return run.stdout.decode()


def listed(text):
    """The number of partitions and the error of each topic of a list."""
    topics = {}
    for line in text.splitlines():
        words = line.split('"')
        if line.startswith('  topic "'):
            count, _, error = words[2].removeprefix(" with ").partition(" partitions")
            topics[words[1]] = count, error.strip(": ")
    return topics


asking.main(ask)
