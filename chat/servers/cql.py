"""A round trip in Cassandra's native protocol, version 4, enough to know that a node serves.

The driver stays with `chat.storage`; what is needed here is two frames. Source: the specification of the protocol,
`native_protocol_v4.spec` in Cassandra's repository.
"""

import socket
import struct

HEADER = struct.Struct(">BBhBi")  # version, flags, stream, opcode, length of the body
VERSION = 4
STARTUP, QUERY = 0x01, 0x07
READY, RESULT = 0x02, 0x08
TIMEOUT_SECONDS = 2.0


def serves(host: str, port: int, query: str, replicas: int) -> bool:
    """Whether the node answers `query` with a result, read from `replicas` replicas (1 to 3)."""
    options = struct.pack(">H", 1) + _string("CQL_VERSION") + _string("3.0.0")
    # The codes of the consistency levels ONE, TWO and THREE are 1, 2 and 3.
    statement = _long_string(query) + struct.pack(">HB", replicas, 0)
    try:
        with socket.create_connection((host, port), TIMEOUT_SECONDS) as connection:
            return _ask(connection, STARTUP, options) == READY and _ask(connection, QUERY, statement) == RESULT
    except OSError:
        return False


def _ask(connection: socket.socket, opcode: int, body: bytes) -> int:
    """The opcode of the answer to one request. Raises ConnectionError where the node hangs up."""
    connection.sendall(HEADER.pack(VERSION, 0, 0, opcode, len(body)) + body)
    _, _, _, answer, length = HEADER.unpack(_read(connection, HEADER.size))
    _read(connection, length)
    return int(answer)


def _read(connection: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        chunk = connection.recv(length - len(received))
        if not chunk:
            raise ConnectionError("the node hung up")
        received += chunk
    return received


def _string(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


def _long_string(text: str) -> bytes:
    return struct.pack(">i", len(text)) + text.encode()
