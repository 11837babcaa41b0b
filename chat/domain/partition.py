"""Which partition is a learner's: the Java client's murmur2, as every Kafka client can compute it.

Source: `org.apache.kafka.common.utils.Utils.murmur2` and `DefaultPartitioner` of Apache Kafka.
"""

from functools import lru_cache

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def learner_key(tenant_id: str, learner_id: str) -> str:
    """The record key of everything a learner's commands are, `<tenant_id>/<learner_id>`."""
    return f"{tenant_id}/{learner_id}"


@lru_cache(maxsize=16_384)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition, 0 … `partitions` - 1, that murmur2 gives `key`."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The 32-bit murmur2 hash of `data`, as an unsigned number."""
    length = len(data)
    h = (_SEED ^ length) & _MASK
    body = length & ~3
    for i in range(0, body, 4):
        k = (int.from_bytes(data[i : i + 4], "little") * _M) & _MASK
        k = ((k ^ (k >> 24)) * _M) & _MASK
        h = ((h * _M) & _MASK) ^ k
    return _finish(h, data[body:])


def _finish(h: int, rest: bytes) -> int:
    if rest:
        h = ((h ^ int.from_bytes(rest, "little")) * _M) & _MASK
    h = ((h ^ (h >> 13)) * _M) & _MASK
    return h ^ (h >> 15)
