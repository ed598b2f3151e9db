"""Sends the records of the end-to-end tests with a librdkafka producer that has every setting at its default.

produce.py BOOTSTRAP CLIENT COUNT TOPIC,TOPIC,... prints a line "FAILED topic number: reason" for each record that was not
taken, and "DONE stored=n failed=n" at the end. What the records hold is said in test/e2e/content_test.go.
"""

import sys

from confluent_kafka import Producer

result = {"stored": 0, "failed": 0}


def main(bootstrap, client, count, topics):
    producer = Producer({"bootstrap.servers": bootstrap})
    for i in range(int(count)):
        send(producer, client, topics[i % len(topics)], i)
    producer.flush()
    print(f"DONE stored={result['stored']} failed={result['failed']}")


def send(producer, client, topic, i):
    def delivered(error, message):
        if error is None:
            result["stored"] += 1
            return
        result["failed"] += 1
        print(f"FAILED {message.topic()} {i}: {error}")

    while True:
        try:
            producer.produce(
                topic,
                key=key(i),
                value=value(client, topic, i),
                headers=headers(client, i),
                timestamp=1_700_000_000_000 + i * 1000 - i % 7 * 5000,
                on_delivery=delivered,
            )
            producer.poll(0)
            return
        except BufferError:  # the local queue is full: wait for deliveries
            producer.poll(0.1)


def key(i):
    return {5: None, 6: b""}.get(i % 13, b"key-%d" % (i % 97))


def value(client, topic, i):
    if i % 17 in (3, 4):
        return None if i % 17 == 3 else b""
    filler = "".join(chr(ord("a") + (i + j) % 26) for j in range(i * 7919 % 600))
    return f"{client}|{topic}|{i}|{filler}".encode()


def headers(client, i):
    return [
        ("client", client.encode()),
        ("number", str(i).encode()),
        ("", b"no name"),
        ("empty", b""),
        ("null", None),
        ("client", b"twice"),
    ]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4].split(","))
