"""Producers, and members of groups, of the chaos tests: chaos.py confluent-kafka|kafka-python. What it reads and prints is said in test/chaos/doc.go."""

import os
import queue
import sys
import threading
import zlib

BURST, TICK, MOST_OPEN, SIZE = 5, 0.4, 300, 500
output = queue.SimpleQueue()


def say(*words):
    """Has a line be printed. A lock would not do: what reports may be a client's destructor, in the middle of another report."""
    output.put(" ".join(map(str, words)))


def print_all():
    while True:
        print(output.get(), flush=True)


class Producer:
    """Sends bursts to each partition until it is stopped, or has sent as many records to each as it was asked to."""

    def __init__(self, connect, name, bootstrap, topic, partitions, acks, idempotent, count):
        self.name, self.topic, self.count = name, topic, int(count)
        self.sent = [0] * int(partitions)
        self.answered = [0] * int(partitions)
        self.going, self.stopping = threading.Event(), threading.Event()
        self.connect = lambda: connect(name, bootstrap, topic, acks, idempotent == "true")
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        client = self.connect()
        say("R", self.name)
        self.going.wait()
        while not self.stopping.is_set() and not self.done():
            for partition in range(len(self.sent)):
                self.burst(client, partition)
            client.poll()
            say("S", self.name, sum(self.sent))
            if self.count == 0:
                self.stopping.wait(TICK)
        client.flush()
        say("F", self.name)

    def done(self):
        return 0 < self.count <= min(self.sent)

    def burst(self, client, partition):
        first = self.sent[partition]
        room = MOST_OPEN - (first - self.answered[partition])
        end = first + max(0, min(self.count or BURST, room))
        say("D", self.name, partition, end)
        for number in range(first, end):
            self.sent[partition] += 1
            client.send(self.topic, partition, self.value(partition, number), self.report(partition, number))

    def value(self, partition, number):
        return f"{self.name} {partition} {number} ".encode() + bytes([97 + number % 26]) * SIZE

    def report(self, partition, number):
        def reported(offset, error):
            self.answered[partition] += 1
            if error is None:
                say("A", self.name, partition, number, -1 if offset is None else offset)
            else:
                say("E", self.name, partition, number, error)

        return reported


class Confluent:
    def __init__(self, name, bootstrap, topic, acks, idempotent):
        import confluent_kafka

        self.unknown = confluent_kafka.OFFSET_INVALID
        self.failed = confluent_kafka.KafkaException
        traced = idempotent and "CHAOS_TRACE" in os.environ
        self.producer = confluent_kafka.Producer(
            {
                "client.id": name,
                "bootstrap.servers": bootstrap,
                "acks": acks,
                "enable.idempotence": idempotent,
                "linger.ms": 0,
                "batch.num.messages": 1,
                "request.timeout.ms": 10000,
                "socket.timeout.ms": 15000,
                "delivery.timeout.ms": 40000,
                **({"debug": "eos,msg", "log_level": 7} if traced else {"log_level": 0}),
            }
        )
        self.producer.list_topics(topic, timeout=60)

    def send(self, topic, partition, value, report):
        def delivered(error, message):
            report(message.offset(), None if error is None else error.name())

        try:
            self.producer.produce(topic, value=value, partition=partition, on_delivery=delivered)
        except (BufferError, self.failed) as error:
            report(None, f"produce:{error}")

    def poll(self):
        self.producer.poll(0)

    def flush(self):
        self.producer.flush(120)


class Member:
    """A librdkafka of a group: it commits what it was given before it asks for more."""

    def __init__(self, name, bootstrap, group, topics):
        self.name, self.offsets = name, {}
        self.leaving = threading.Event()
        self.settings = {
            "client.id": name,
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "check.crcs": True,
            "session.timeout.ms": 10000,
            "heartbeat.interval.ms": 1000,
            "socket.timeout.ms": 15000,
            "topic.metadata.refresh.interval.ms": 5000,
            "reconnect.backoff.max.ms": 1000,
            "log_level": 0,
        }
        threading.Thread(target=self.run, args=[topics.split(",")], daemon=True).start()

    def run(self, topics):
        import confluent_kafka

        consumer = confluent_kafka.Consumer(self.settings)
        consumer.subscribe(topics, on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.revoked)
        say("R", self.name)
        while not self.leaving.is_set():
            try:
                self.read(consumer.consume(num_messages=200, timeout=0.2))
                self.commit(consumer)
            except confluent_kafka.KafkaException as error:
                say("V", self.name, error.args[0].name())
        consumer.close()
        say("F", self.name)

    def assigned(self, consumer, partitions):
        say("B", self.name, len(partitions))

    def revoked(self, consumer, partitions):
        for p in partitions:
            self.offsets.pop((p.topic, p.partition), None)

    def read(self, messages):
        for m in messages:
            if m.error() is not None:
                say("V", self.name, "read:", m.error().name())
                continue
            say("G", self.name, m.topic(), m.partition(), m.offset(), zlib.crc32(m.value()))
            self.offsets[m.topic(), m.partition()] = m.offset() + 1

    def commit(self, consumer):
        from confluent_kafka import TopicPartition

        if not self.offsets:
            return
        wanted = [TopicPartition(topic, partition, offset) for (topic, partition), offset in self.offsets.items()]
        for p in consumer.commit(offsets=wanted, asynchronous=False):
            if p.error is not None:
                say("V", self.name, "commit:", p.error.name())
                continue
            say("C", self.name, p.topic, p.partition, p.offset)
            self.offsets.pop((p.topic, p.partition), None)


class KafkaPython:
    def __init__(self, name, bootstrap, topic, acks, idempotent):
        from kafka import KafkaProducer

        self.idempotent, self.stuck = idempotent, False
        self.producer = KafkaProducer(
            client_id=name,
            bootstrap_servers=bootstrap.split(","),
            acks="all" if acks == "all" else int(acks),
            enable_idempotence=idempotent,
            linger_ms=0,
            batch_size=1,
            request_timeout_ms=10000,
            delivery_timeout_ms=40000,
        )
        self.producer.partitions_for(topic)

    def send(self, topic, partition, value, report):
        try:
            future = self.producer.send(topic, value=value, partition=partition)
        except Exception as error:
            report(None, f"send:{type(error).__name__}")
            return
        future.add_callback(lambda metadata: report(metadata.offset, None))
        future.add_errback(lambda error: self.failed(report, error))

    def failed(self, report, error):
        self.stuck = self.idempotent  # it may never send again
        report(None, type(error).__name__)

    def poll(self):
        pass

    def flush(self):
        try:
            self.producer.flush(10 if self.stuck else 120)
            self.producer.close(5)
        except Exception:  # what is left has had no answer: all of it fails now
            self.producer._sender.force_close()
            self.producer._sender.join(60)


def main(library):
    connect = {"confluent-kafka": Confluent, "kafka-python": KafkaPython}[library]
    threading.Thread(target=print_all, daemon=True).start()
    producers, members = {}, {}
    for line in sys.stdin:
        verb, name, *rest = line.split()
        if verb == "start":
            producers[name] = Producer(connect, name, *rest)
        elif verb == "go":
            producers[name].going.set()
        elif verb == "stop":
            producers[name].going.set()
            producers.pop(name).stopping.set()
        elif verb == "join":
            members[name] = Member(name, *rest)
        elif verb == "leave":
            members.pop(name).leaving.set()


if __name__ == "__main__":
    main(sys.argv[1])
