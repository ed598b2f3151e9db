"""The client matrix's producer for confluent-kafka, which is librdkafka."""

import time

import login
import matrix
from confluent_kafka import KafkaError, KafkaException, Producer


def main():
    bootstrap, topics, count, settings = matrix.arguments()
    for index, text in enumerate(settings):
        setting = matrix.Setting(index, text)
        refused = []  # what is said of a login that fails: it is tried again for as long as messages live
        producer = Producer({"bootstrap.servers": bootstrap, **config(setting, refused)})
        if setting.transactional:
            try:
                producer.init_transactions()
                producer.begin_transaction()
            except KafkaException as error:
                setting.report("", -1, error)
                continue
        for topic, n in matrix.records(topics, count, index):
            try:
                producer.produce(
                    topic,
                    key=matrix.key(n),
                    value=matrix.value(topic, n),
                    headers=matrix.headers(n),
                    timestamp=matrix.timestamp(n),
                    on_delivery=lambda error, message, n=n: setting.report(
                        message.topic(), n, error and refused[0] if refused else error
                    ),
                )
            except KafkaException as error:  # it knows already that the topic is refused
                setting.report(topic, n, error)
            pause(producer)
        while producer.flush(0.1):
            if refused:
                producer.purge()


def pause(producer):
    """Serves callbacks for as long as there is to be between records; one call of poll returns after the first."""
    end = time.monotonic() + matrix.PACE
    producer.poll(0)
    while (left := end - time.monotonic()) > 0:
        producer.poll(left)


def config(setting, refused):
    out = login.librdkafka(setting)
    if setting.mechanism is not None:
        out["error_cb"] = lambda e: refused.append(e) if e.code() == KafkaError._AUTHENTICATION else None
    if setting.mechanism == "OAUTHBEARER":
        out["oauth_cb"] = lambda _: (setting.secret, time.time() + 3600)
    if setting.codec is not None:
        out["compression.type"] = setting.codec
        out["linger.ms"] = 20
    if setting.acks is not None:
        out["acks"] = setting.acks
    if setting.idempotent is not None:
        out["enable.idempotence"] = setting.idempotent
    if setting.transactional:
        out["transactional.id"] = "matrix"
    return out


if __name__ == "__main__":
    main()
