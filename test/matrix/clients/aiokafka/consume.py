"""The client matrix's consumer for aiokafka."""

import asyncio

import consuming
from aiokafka import AIOKafkaConsumer, TopicPartition


async def consume(bootstrap, job):
    group = None if job.assigned else job.group
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest")
    await consumer.start()
    try:
        if job.assigned:
            assign(consumer, [TopicPartition(topic, partition) for topic, partition in job.partitions])
        else:
            consumer.subscribe(job.topics)
        while job.unfinished():
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for r in records:
                    job.record(r.topic, r.partition, r.offset, r.key, r.value)
        if not job.assigned:
            await consumer.commit()
    finally:
        await consumer.stop()


def assign(consumer, partitions):
    consumer.assign(partitions)
    for partition in partitions:
        consumer.seek(partition, 0)


consuming.main(lambda bootstrap, job: asyncio.run(consume(bootstrap, job)))
