"""What the client matrix's Python consumers share: the command line and the output, see test/matrix/doc.go."""

import json
import os
import sys
import time
import zlib

LIMIT = 60  # seconds until a job gives up
PARTITIONS = 2  # of each topic


class Job:
    """One job: its mode (group or assign), its group, its topics, and how many records it reads."""

    def __init__(self, index, text):
        self.index = index
        self.mode, self.group, topics, count = text.split("/")
        self.topics, self.count = topics.split(","), int(count)
        self.seen = 0
        self.start = time.monotonic()

    @property
    def assigned(self):
        return self.mode == "assign"

    @property
    def partitions(self):
        return [(topic, partition) for topic in self.topics for partition in range(PARTITIONS)]

    def unfinished(self):
        """Whether there is more to read; raises an error when it has taken too long."""
        if time.monotonic() - self.start > LIMIT:
            raise TimeoutError(f"{self.seen} of {self.count} records in {LIMIT} s")
        return self.seen < self.count

    def record(self, topic, partition, offset, key, value):
        self.seen += 1
        key = None if key is None else key.decode()
        value = None if value is None else f"{zlib.crc32(value):08x}"
        self.say(topic=topic, partition=partition, offset=offset, key=key, value=value)

    def end(self, error):
        self.say(ms=int((time.monotonic() - self.start) * 1000), error=error)

    def say(self, **line):
        print(json.dumps({"job": self.index, **line}))


def main(consume):
    """Calls consume(bootstrap, job) for each job; it reads, commits, leaves, and raises what the client says."""
    for index, text in enumerate(sys.argv[2:]):
        job = Job(index, text)
        error = ""
        try:
            consume(sys.argv[1], job)
        except Exception as said:
            error = f"{type(said).__name__}: {said}"
        job.end(error)
    sys.stdout.flush()
    os._exit(0)  # a client that is closed may wait for its answers
