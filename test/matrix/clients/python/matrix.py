"""What the client matrix's Python programs share: the command line, the records and the output.

The command line and the output are described in test/matrix/doc.go, the records in test/matrix/content_test.go.
"""

import json
import os
import sys
import time

PACE = int(os.environ.get("PACE_MS", "0")) / 1000


class Setting:
    """One setting of a producer, and the report of its run. codec, acks and idempotent are None where the default counts;
    transactional is whether it shall be; mechanism and secret are None where it does not log in."""

    def __init__(self, index, text):
        codec, acks, idempotent, *login = (None if part == "-" else part for part in text.split("/"))
        self.mechanism, self.secret = login or (None, None)
        self.index, self.codec, self.acks = index, codec, acks
        self.idempotent = None if idempotent is None else idempotent != "off"
        self.transactional = idempotent == "tx"
        self.start = time.monotonic()

    def report(self, topic, number, error=None):
        if isinstance(error, BaseException):
            error = f"{type(error).__name__}: {error}"
        line = {
            "setting": self.index,
            "topic": topic,
            "number": number,
            "ms": int((time.monotonic() - self.start) * 1000),
            "error": str(error) if error is not None else "",
        }
        print(json.dumps(line), flush=True)


def arguments():
    """(bootstrap, topics, count, settings as text)"""
    return sys.argv[1], sys.argv[2].split(","), int(sys.argv[3]), sys.argv[4:]


def records(topics, count, index):
    """The (topic, number) of each record of the run with the setting of that index."""
    for i in range(count):
        yield topics[i % len(topics)], index * 1000 + i


def timestamp(n):
    return 1_700_000_000_000 + n * 1000 - n % 7 * 5000


def key(n):
    return {5: None, 6: b""}.get(n % 13, b"key-%d" % n)


def value(topic, n):
    if n % 13 in (3, 4):
        return None if n % 13 == 3 else b""
    filler = "".join(chr(ord("a") + (n + j) % 26) for j in range(100 + n * 7919 % 500))
    return f"{topic}|{n}|{filler}".encode()


def headers(n):
    return [
        ("number", str(n).encode()),
        ("twice", b"first"),
        ("twice", b"second"),
        ("", b"no name"),
        ("empty", b""),
        ("null", None),
    ]
