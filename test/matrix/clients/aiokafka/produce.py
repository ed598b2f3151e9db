"""The client matrix's producer for aiokafka."""

import asyncio

import login
import matrix
from aiokafka import AIOKafkaProducer
from aiokafka.abc import AbstractTokenProvider


async def main():
    bootstrap, topics, count, settings = matrix.arguments()
    for index, text in enumerate(settings):
        setting = matrix.Setting(index, text)
        words = login.Words("aiokafka")
        try:
            await run(bootstrap, topics, count, setting)
        except Exception as error:
            setting.report("", -1, words.of(error))


async def run(bootstrap, topics, count, setting):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **config(setting))
    await producer.start()
    try:
        waiting = []
        for topic, n in matrix.records(topics, count, setting.index):
            try:
                future = await producer.send(
                    topic,
                    key=matrix.key(n),
                    value=matrix.value(topic, n),
                    headers=matrix.headers(n),
                    timestamp_ms=matrix.timestamp(n),
                )
            except Exception as error:
                setting.report(topic, n, error)
                continue
            waiting.append(asyncio.create_task(report(setting, topic, n, future)))
            await asyncio.sleep(matrix.PACE)
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()


async def report(setting, topic, n, future):
    try:
        await future
    except Exception as error:
        setting.report(topic, n, error)
    else:
        setting.report(topic, n)


class Token(AbstractTokenProvider):
    def __init__(self, token):
        self.text = token

    async def token(self):
        return self.text


def config(setting):
    out = login.arguments(setting, Token)
    if setting.mechanism is not None:
        out["request_timeout_ms"] = 5000  # for so long it tries again what a broker says during a login
    if setting.codec is not None:
        out["compression_type"] = None if setting.codec == "none" else setting.codec
        out["linger_ms"] = 20
    if setting.acks is not None:
        out["acks"] = "all" if setting.acks == "all" else int(setting.acks)
    if setting.idempotent is not None:
        out["enable_idempotence"] = setting.idempotent
    return out


if __name__ == "__main__":
    asyncio.run(main())
