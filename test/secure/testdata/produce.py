"""Sends one record with confluent-kafka, which is librdkafka, and says what came of it. Arguments: a topic, and properties as NAME=VALUE."""

import sys

from confluent_kafka import Producer

said = []
config = dict(a.split("=", 1) for a in sys.argv[2:])
token = config.pop("token", None)
if token:
    config["oauth_cb"] = lambda _: (token, 4e9)
config["error_cb"] = lambda e: said.append(str(e))
producer = Producer({**config, "message.timeout.ms": 8000})
producer.produce(sys.argv[1], b"x", on_delivery=lambda e, _: said.append(str(e) if e else "stored"))
producer.flush(20)
print("\n".join(said))
