"""The client matrix's producer for confluent-kafka, which is librdkafka."""

import matrix
from confluent_kafka import KafkaException, Producer


def main():
    bootstrap, topics, count, settings = matrix.arguments()
    for index, text in enumerate(settings):
        setting = matrix.Setting(index, text)
        producer = Producer({"bootstrap.servers": bootstrap, **config(setting)})
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
                    on_delivery=lambda error, message, n=n: setting.report(message.topic(), n, error),
                )
            except KafkaException as error:  # it knows already that the topic is refused
                setting.report(topic, n, error)
            producer.poll(matrix.PACE)
        producer.flush()


def config(setting):
    out = {}
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
