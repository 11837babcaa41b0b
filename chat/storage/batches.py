"""Unlogged batches of bounded size, grouped by replica set.

A statement costs the client about 250 µs whatever it holds, so rows travel together; rows of one partition in one
batch, because Cassandra applies a partition's part of a batch as one. A partition's rows are parted only where they are
more than it takes as one: edits and their outcomes may weigh many times what their commands do. A thread's commit point
never comes near that, for its rows are ids and numbers. Grouping by replica set keeps a batch from waiting for more
nodes than its rows need.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache

from cassandra.query import BatchStatement

from chat.storage import wire
from chat.storage.rows import Row
from chat.storage.session import Connection

MAX_ROWS = 60
MAX_BYTES = 32_768
"""Below Cassandra's own `batch_size_fail_threshold` of 50 KiB; one partition alone may be larger."""

MAX_MUTATION = 4 * 2**20
"""Bytes of one partition in one batch: half of what the embedded Cassandra takes, whose commit log is the smallest."""


class Batcher:
    """Makes batches for one connection's cluster."""

    def __init__(self, connection: Connection) -> None:
        self._keyspace = connection.keyspace
        self._metadata = connection.cluster.metadata
        self._replicas = lru_cache(maxsize=16_384)(self._find_replicas)
        self._nodes = len(self._metadata.all_hosts())

    def batches(self, rows: Iterable[Row]) -> list[BatchStatement]:
        """Every row in a batch; rows of one partition together, up to `MAX_MUTATION`, and in their order."""
        partitions: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for row in rows:
            partitions[row.partition].append(row.packed)
        groups: defaultdict[frozenset[object], list[tuple[bytes, list[bytes]]]] = defaultdict(list)
        for partition, packed in partitions.items():
            group = groups[self._replica_set(partition)]
            group += ((partition, part) for part in _parts(packed))
        return [batch for group in groups.values() for batch in self._fill(group)]

    def _fill(self, group: list[tuple[bytes, list[bytes]]]) -> Iterator[BatchStatement]:
        rows: list[bytes] = []
        size, routing = 0, group[0][0]
        for partition, packed in group:
            more = sum(map(len, packed))
            if rows and (len(rows) + len(packed) > MAX_ROWS or size + more > MAX_BYTES):
                yield wire.unlogged_batch(rows, routing, self._keyspace)
                rows, size, routing = [], 0, partition
            rows += packed
            size += more
        yield wire.unlogged_batch(rows, routing, self._keyspace)

    def _replica_set(self, partition: bytes) -> frozenset[object]:
        return self._replicas(partition) if self._nodes > 1 else frozenset()

    def _find_replicas(self, partition: bytes) -> frozenset[object]:
        return frozenset(self._metadata.get_replicas(self._keyspace, partition))


def _parts(packed: list[bytes]) -> Iterator[list[bytes]]:
    """A partition's rows in parts of at most `MAX_MUTATION`."""
    start, size = 0, 0
    for at, row in enumerate(packed):
        if size + len(row) > MAX_MUTATION and at > start:
            yield packed[start:at]
            start, size = at, 0
        size += len(row)
    yield packed[start:]
