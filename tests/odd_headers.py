"""Records as no client of ours can write them."""

import struct
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from chat.broker import Place
from chat.sdk.client import Headers
from chat.settings import Settings

NAME, ODD_NAME = b"odd-name", b"odd\xff\xfeame"
SHOWN = "odd\ufffd\ufffdame"
"""As it is read: what is no text is replaced."""

_CRC_AT, _ATTRIBUTES_AT = 17, 21


def spoilt(batch: bytes) -> bytes:
    """A batch of records whose header `odd-name` has a name that is not UTF-8, and which is in order else."""
    assert NAME in batch
    raw = bytearray(batch.replace(NAME, ODD_NAME))
    struct.pack_into(">I", raw, _CRC_AT, calc_crc32c(bytes(raw[_ATTRIBUTES_AT:])))
    return bytes(raw)


async def send_spoilt(settings: Settings, to: Place, key: bytes, value: bytes, headers: Headers) -> None:
    """Sends a record with these headers and one of that name."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers[0]) as producer:
        batch: Any = producer.create_batch()
        assert batch.append(key=key, value=value, timestamp=None, headers=[*headers, (NAME.decode(), b"x")])
        raw = spoilt(bytes(batch._build()))
        batch._build = lambda: raw
        await (await producer.send_batch(batch, to.topic, partition=to.partition))
