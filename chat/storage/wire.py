"""Values as they go over the wire, packed once.

The driver binds every value of every statement in Python, about 100 µs a command. Here a row is packed to the bytes of
the native protocol (version 4, §4.1.4 and §4.1.7) in one go, and a batch is their concatenation. The driver still owns
connections, retries, routing and re-preparing: `PackedProtocol` is its own extension point for encoding messages.
"""

import struct
from collections.abc import Iterable
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.protocol import BatchMessage, ProtocolHandler
from cassandra.query import BatchStatement, BatchType, PreparedStatement

EMPTY = struct.pack(">i", 0)
"""A value of no bytes, which every type may have and the driver reads as None (as b"" where it is a blob). A null would
be a tombstone, and a page reads them all."""

_LENGTH = struct.Struct(">i")
_SHORT = struct.Struct(">H")
_BIGINT = struct.Struct(">iq")
_INT = struct.Struct(">ii")
_TINYINT = struct.Struct(">ib")
_UUID_LENGTH = _LENGTH.pack(16)
_BIGINTS = tuple(struct.Struct(">" + "iq" * values) for values in range(6))


def text(value: str) -> bytes:
    """A `text` value."""
    raw = value.encode()
    return _LENGTH.pack(len(raw)) + raw


def blob(value: bytes) -> bytes:
    """A `blob` value."""
    return _LENGTH.pack(len(value)) + value


def uuid(value: str) -> bytes:
    """A `uuid` value from its canonical text."""
    return _UUID_LENGTH + bytes.fromhex(value.replace("-", ""))


def bigint(value: int) -> bytes:
    """A `bigint` value, or a `timestamp` in milliseconds."""
    return _BIGINT.pack(8, value)


def bigints(*values: int) -> bytes:
    """Up to five `bigint` values, one behind the other."""
    parts = [8] * (2 * len(values))
    parts[1::2] = values
    return _BIGINTS[len(values)].pack(*parts)


def integer(value: int) -> bytes:
    """An `int` value."""
    return _INT.pack(4, value)


def tinyint(value: int) -> bytes:
    """A `tinyint` value."""
    return _TINYINT.pack(1, value)


def routing_part(part: bytes) -> bytes:
    """What a packed part of a composite partition key is in its routing key, which is all of them one behind the other:
    length, value, 0 (Cassandra's `CompositeType`). That length has two bytes, and a part's upper two are 0.
    """
    return part[2:] + b"\0"


def head(statement: PreparedStatement, values: int) -> bytes:
    """What stands before the values of a prepared statement in a batch."""
    query_id = statement.query_id
    before: bytes = b"\x01" + _SHORT.pack(len(query_id)) + query_id + _SHORT.pack(values)
    return before


class PackedRows(bytes):
    """The packed statements of a batch, with their number in `statements`."""

    statements: int


class PackedProtocol(ProtocolHandler):
    """Encodes a batch whose rows were packed beforehand; everything else as the driver does."""

    @classmethod
    def encode_message(cls, msg: Any, stream_id: int, protocol_version: int, **rest: Any) -> bytes:
        """One frame of the native protocol."""
        if isinstance(msg, BatchMessage) and isinstance(msg.queries, PackedRows):
            msg = _PackedMessage(msg)
        return bytes(super().encode_message(msg, stream_id, protocol_version, **rest))


class _PackedMessage:
    opcode = BatchMessage.opcode

    def __init__(self, msg: BatchMessage) -> None:
        self.custom_payload = msg.custom_payload
        self.tracing = msg.tracing
        self._rows: PackedRows = msg.queries
        self._type: int = msg.batch_type.value
        self._consistency: int = msg.consistency_level

    def send_body(self, f: Any, _protocol_version: int) -> None:
        f.write(bytes((self._type,)) + _SHORT.pack(self._rows.statements))
        f.write(self._rows)
        f.write(_SHORT.pack(self._consistency) + b"\0")


def unlogged_batch(rows: Iterable[bytes], routing: bytes, keyspace: str) -> BatchStatement:
    """An idempotent unlogged batch of packed rows, sent to a replica of `routing`."""
    packed = list(rows)
    batch = BatchStatement(BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
    data = PackedRows(b"".join(packed))
    data.statements = len(packed)
    batch._statements_and_parameters = data  # noqa: SLF001 - the driver has no other door
    batch.routing_key = routing
    batch.keyspace = keyspace
    batch.is_idempotent = True
    return batch
