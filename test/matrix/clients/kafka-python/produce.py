"""The client matrix's producer for kafka-python, of version 2 and of version 3.

API_VERSION=0.10 has it not ask the broker what it speaks, but take it for one of that version.
"""

import os
import time

import login
import matrix
from kafka import KafkaProducer

try:
    from kafka.net.sasl.oauth import AbstractTokenProvider
except ImportError:  # version 2
    from kafka.oauth.abstract import AbstractTokenProvider


def main():
    bootstrap, topics, count, settings = matrix.arguments()
    for index, text in enumerate(settings):
        setting = matrix.Setting(index, text)
        try:
            run(bootstrap, topics, count, setting)
        except Exception as error:
            setting.report("", -1, error)


def run(bootstrap, topics, count, setting):
    producer = KafkaProducer(bootstrap_servers=bootstrap, **config(setting))
    for topic, n in matrix.records(topics, count, setting.index):
        try:
            future = producer.send(
                topic,
                key=matrix.key(n),
                value=matrix.value(topic, n),
                headers=headers(n),
                timestamp_ms=matrix.timestamp(n),
            )
        except Exception as error:
            setting.report(topic, n, error)
            continue
        future.add_callback(lambda _, topic=topic, n=n: setting.report(topic, n))
        future.add_errback(lambda error, topic=topic, n=n: setting.report(topic, n, error))
        time.sleep(matrix.PACE)
    producer.flush()
    producer.close()


def headers(n):
    if "API_VERSION" in os.environ:
        return None  # there were none yet
    return [header for header in matrix.headers(n) if header[1] is not None]  # it has no null


class Token(AbstractTokenProvider):
    def __init__(self, token):
        self.text = token

    def token(self):
        return self.text


def config(setting):
    out = login.arguments(setting, Token)
    if setting.mechanism is not None and "bootstrap_timeout_ms" in KafkaProducer.DEFAULT_CONFIG:
        out["bootstrap_timeout_ms"] = 5000  # for so long version 3 tries a login that fails again
    if "API_VERSION" in os.environ:
        out["api_version"] = tuple(int(part) for part in os.environ["API_VERSION"].split("."))
    if setting.codec is not None:
        out["compression_type"] = None if setting.codec == "none" else setting.codec
        out["linger_ms"] = 20
    if setting.acks is not None:
        out["acks"] = "all" if setting.acks == "all" else int(setting.acks)
    if setting.idempotent:
        out["enable_idempotence"] = True
    elif setting.idempotent is not None and "enable_idempotence" in KafkaProducer.DEFAULT_CONFIG:
        out["enable_idempotence"] = False  # version 2 does not know it
    return out


if __name__ == "__main__":
    main()
