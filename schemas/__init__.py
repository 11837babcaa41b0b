"""The records of the contract: their Avro schemas, every version ever published, and the codec.

`decode(bytes) -> Record`, `encode(record_type, fields) -> bytes`; everything else is for those who need one part.
"""

from schemas.codec import Format, Record, decode, decode_command, encode
from schemas.errors import CodecError, EncodeError, Identity, InvalidRecord, Unreadable
from schemas.export import export
from schemas.registry import PUBLISHED, Registry, SchemaError, Version, load

__all__ = [
    "PUBLISHED",
    "CodecError",
    "EncodeError",
    "Format",
    "Identity",
    "InvalidRecord",
    "Record",
    "Registry",
    "SchemaError",
    "Unreadable",
    "Version",
    "decode",
    "decode_command",
    "encode",
    "export",
    "load",
]
