"""A proxy before Cassandra that understands its answers: a write that was done may be answered with a time-out."""

import asyncio
import random
import struct

from tests.proxy import Proxy

HEADER = struct.Struct(">BBhBi")
"""Of a frame of the native protocol, version 4: version, flags, stream, opcode, length of the body."""

ERROR, RESULT = 0x00, 0x08
VOID, ROWS = struct.pack(">i", 1), struct.pack(">i", 2)
"""How the body of a result begins: nothing, as after a write, or rows."""

APPLIED = b"[applied]"
"""A column of what a lightweight transaction answers."""

LOCAL_QUORUM = 6


class CassandraProxy(Proxy):
    """For clients without TLS and compression. `doubt`: the share of writes that are answered with a time-out."""

    doubt = 0.0

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            header = await reader.readexactly(HEADER.size)
            body = await reader.readexactly(HEADER.unpack(header)[-1])
        except asyncio.IncompleteReadError:
            return b""
        return self._doubted(header, body) or header + body

    def _doubted(self, header: bytes, body: bytes) -> bytes:
        version, _, stream, opcode, _ = HEADER.unpack(header)
        kind = write_type(opcode, body)
        if not kind or random.random() >= self.doubt:
            return b""
        told = timeout(kind)
        return HEADER.pack(version, 0, stream, ERROR, len(told)) + told


def write_type(opcode: int, body: bytes) -> str:
    """The kind of write that an answer is of, in the protocol's words; empty where it is none."""
    if opcode != RESULT:
        return ""
    if body.endswith(VOID):  # before it there may be warnings
        return "UNLOGGED_BATCH"
    return "CAS" if ROWS in body and APPLIED in body else ""


def timeout(kind: str) -> bytes:
    """The body of an error Write_timeout: no replica of the two that were needed has answered."""
    text = b"Operation timed out - received only 0 responses."
    numbers = struct.pack(">Hii", LOCAL_QUORUM, 0, 2)
    return struct.pack(">iH", 0x1100, len(text)) + text + numbers + struct.pack(">H", len(kind)) + kind.encode()
