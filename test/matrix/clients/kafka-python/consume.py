"""The client matrix's consumer for kafka-python, of version 2 and of version 3."""

import consuming
from kafka import KafkaConsumer, TopicPartition


def consume(bootstrap, job):
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, group_id=None if job.assigned else job.group, auto_offset_reset="earliest"
    )
    try:
        if job.assigned:
            assign(consumer, [TopicPartition(topic, partition) for topic, partition in job.partitions])
        else:
            consumer.subscribe(job.topics)
        while job.unfinished():
            for records in consumer.poll(1000).values():
                for r in records:
                    job.record(r.topic, r.partition, r.offset, r.key, r.value)
        if not job.assigned:
            consumer.commit()
    finally:
        consumer.close()


def assign(consumer, partitions):
    consumer.assign(partitions)
    for partition in partitions:
        consumer.seek(partition, 0)


consuming.main(consume)
