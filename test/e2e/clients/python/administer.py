"""Administers topics of two clusters with librdkafka's AdminClient.

administer.py BOOTSTRAP TOPIC TOPIC prints a line for each thing that was done, and what was answered.
"""

import sys
import time

from confluent_kafka import Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)


def main(bootstrap, *topics):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    resources = [ConfigResource(ConfigResource.Type.TOPIC, t) for t in topics]
    created = admin.create_topics([NewTopic(t, 2, 1) for t in topics])
    say("created", created, lambda _: "")
    say("created again", admin.create_topics([NewTopic(topics[0], 2, 1)]), lambda _: "")
    say("created without a rule", admin.create_topics([NewTopic("zebras", 2, 1)]), lambda _: "")
    say("more partitions", admin.create_partitions([NewPartitions(t, 3) for t in topics]), lambda _: "")
    changes = [
        ConfigResource(
            ConfigResource.Type.TOPIC,
            t,
            incremental_configs=[ConfigEntry("retention.ms", "3600000", incremental_operation=AlterConfigOpType.SET)],
        )
        for t in topics
    ]
    say("altered", admin.incremental_alter_configs(changes), lambda _: "")
    say("described configurations", admin.describe_configs(resources), lambda c: str("retention.ms" in c))
    send(bootstrap, topics)
    say("described", settled(admin, topics), lambda t: f"{len(t.partitions)} partitions led by {t.partitions[0].leader.id}")
    first = [TopicPartition(t, 0) for t in topics]
    say("last offsets", admin.list_offsets({p: OffsetSpec.latest() for p in first}), lambda o: str(o.offset))
    upto = [TopicPartition(t, 0, 2) for t in topics]
    say("deleted records", admin.delete_records(upto), lambda r: f"low watermark {r.low_watermark}")
    cluster = admin.describe_cluster().result()
    print(f"cluster {cluster.cluster_id}: {len(cluster.nodes)} node, controller {cluster.controller.id}")
    say("deleted", admin.delete_topics(list(topics)), lambda _: "")


def settled(admin, topics):
    """Describes topics until the brokers that are asked have heard of all partitions."""
    for _ in range(100):
        described = admin.describe_topics(TopicCollection(list(topics)))
        if all(len(d.result(60).partitions) == 3 for d in described.values()):
            break
        time.sleep(0.1)
    return described


def say(what, futures, told):
    for key in sorted(futures, key=str):
        name = getattr(key, "topic", None) or getattr(key, "name", None) or key
        try:
            print(f"{what} {name}: ok {told(futures[key].result(60))}".strip())
        except Exception as e:
            error = e.args[0]
            print(f"{what} {name}: {error.name() if hasattr(error, 'name') else error}: {error.str() if hasattr(error, 'str') else ''}")


def send(bootstrap, topics):
    producer = Producer({"bootstrap.servers": bootstrap})
    for topic in topics:
        for _ in range(3):
            producer.produce(topic, b"v", partition=0)
    producer.flush(60)


main(*sys.argv[1:])
