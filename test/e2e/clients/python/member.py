"""A member of a group, for the end-to-end tests, on librdkafka: see clients/java/Member.java, which does the same."""

import os
import sys
import threading

from confluent_kafka import Consumer, KafkaException

leaving = threading.Event()
owned = set()


def main(bootstrap, group, topics):
    threading.Thread(target=await_end, daemon=True).start()
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "group.protocol": os.environ["GROUP_PROTOCOL"],
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(topics, on_assign=assigned, on_revoke=revoked, on_lost=revoked)
    while not leaving.is_set():
        messages = consumer.consume(500, 0.2)
        for m in messages:
            if m.error():
                say(f"FAILED {m.error()}")
            else:
                say(f"READ {m.topic()} {m.partition()} {m.offset()}")
        if messages:
            commit(consumer)
    consumer.close()
    say("LEFT")


def commit(consumer):
    try:
        consumer.commit(asynchronous=False)
    except KafkaException as error:
        say(f"FAILED commit: {error}")


def assigned(_, partitions):
    owned.update(f"{p.topic}-{p.partition}" for p in partitions)
    say(" ".join(["OWNS", *sorted(owned)]))


def revoked(_, partitions):
    owned.difference_update(f"{p.topic}-{p.partition}" for p in partitions)
    say(" ".join(["OWNS", *sorted(owned)]))


def await_end():
    sys.stdin.read()
    leaving.set()


def say(line):
    print(line, flush=True)


main(sys.argv[1], sys.argv[2], sys.argv[3].split(","))
