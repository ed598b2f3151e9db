"""The client matrix's consumer for confluent-kafka, which is librdkafka. GROUP_PROTOCOL may name the protocol of groups."""

import os

import consuming
from confluent_kafka import Consumer, KafkaException, TopicPartition


def consume(bootstrap, job):
    consumer = Consumer({"bootstrap.servers": bootstrap, "auto.offset.reset": "earliest", **config(job)})
    try:
        if job.assigned:
            consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in job.partitions])
        else:
            consumer.subscribe(job.topics)
        while job.unfinished():
            for message in consumer.consume(100, 1):
                if message.error() is not None:
                    raise KafkaException(message.error())
                job.record(message.topic(), message.partition(), message.offset(), message.key(), message.value())
        if not job.assigned:
            consumer.commit(asynchronous=False)
    finally:
        consumer.close()


def config(job):
    if job.assigned:
        return {"group.id": "none", "enable.auto.commit": False}  # it demands a group
    protocol = os.environ.get("GROUP_PROTOCOL")
    return {"group.id": job.group, **({"group.protocol": protocol} if protocol else {})}


consuming.main(consume)
