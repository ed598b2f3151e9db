"""What confluent-kafka, which is librdkafka, does besides producing, for the client matrix."""

import time

import asking
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

LIMIT = 5


def ask(bootstrap, question, topic):
    config = {"bootstrap.servers": bootstrap, "message.timeout.ms": LIMIT * 1000, "socket.timeout.ms": LIMIT * 1000}
    if question == "topics":
        return " ".join(sorted(Producer(config).list_topics(timeout=LIMIT).topics))
    if question == "topic":
        found = Producer(config).list_topics(topic, timeout=LIMIT).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return f"{len(found.partitions)} partitions"
    if question == "reconnect":
        return asking.again(ask, bootstrap, topic)
    if question == "send":
        return send(config, topic)
    if question == "consume":
        return consume(config, topic)
    del config["message.timeout.ms"]
    admin = AdminClient(config)
    if question == "create":
        admin.create_topics([NewTopic(topic, 2, 1)], request_timeout=LIMIT)[topic].result()
        return "created"
    if question == "cluster":
        found = admin.describe_cluster(request_timeout=LIMIT).result()
        return f"{found.cluster_id}, {len(found.nodes)} node"
    raise ValueError(question)


def send(config, topic):
    said = []
    producer = Producer(config)
    producer.produce(topic, b"x", on_delivery=lambda error, _: said.append(error))
    producer.flush(2 * LIMIT)
    if said[0] is not None:
        raise KafkaException(said[0])
    return "stored"


def consume(config, topic):
    del config["message.timeout.ms"]
    consumer = Consumer({**config, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        message = consumer.poll(0.1)
        if message is not None and message.error() is not None:
            raise KafkaException(message.error())
        if message is not None:
            return "1 records"
    return "0 records"


asking.main(ask)
