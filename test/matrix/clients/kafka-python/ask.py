"""What kafka-python, of version 2 and of version 3, does besides producing, for the client matrix."""

import asking
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic

LIMIT = 5


def ask(bootstrap, question, topic):
    if question in ("send", "topic", "reconnect"):
        return produce(bootstrap, question, topic)
    if question in ("topics", "consume"):
        return consume(bootstrap, question, topic)
    admin = KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=LIMIT * 1000)
    if question == "create":
        admin.create_topics([NewTopic(topic, 2, 1)], timeout_ms=LIMIT * 1000)
        return "created"
    if question == "cluster":
        found = admin.describe_cluster()
        return f"{found['cluster_id']}, {len(found['brokers'])} node"
    raise ValueError(question)


def produce(bootstrap, question, topic):
    if question == "reconnect":
        return asking.again(ask, bootstrap, topic)
    producer = KafkaProducer(bootstrap_servers=bootstrap, max_block_ms=LIMIT * 1000)
    try:
        if question == "topic":
            return f"{len(producer.partitions_for(topic))} partitions"
        producer.send(topic, b"x").get(LIMIT)
        return "stored"
    finally:
        producer.close(0)


def consume(bootstrap, question, topic):
    timeouts = {"request_timeout_ms": 7000, "session_timeout_ms": 6000, "heartbeat_interval_ms": 1000}
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest", **timeouts)
    if question == "topics":
        return " ".join(sorted(consumer.topics()))
    consumer.subscribe([topic])
    return f"{sum(len(found) for found in consumer.poll(1000 * LIMIT).values())} records"


asking.main(ask)
