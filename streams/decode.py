"""Record → typed command, or dead letter."""

import schemas
from chat.domain.commands import TYPES, command
from streams.records import DeadLetter, Decoded, Identity, Record


def decode(record: Record) -> Decoded | DeadLetter:
    """The command of a record; a dead letter when its type, command, tenant and learner cannot be read."""
    try:
        decoded = schemas.decode_command(record.value or b"")
    except schemas.Unreadable as error:
        return DeadLetter(record, error.code, error.detail)
    except schemas.InvalidRecord as error:
        return Decoded(record, error.record_type, Identity(*error.identity), None, f"{error.field}: {error.rule}")
    return _typed(record, decoded)


def _typed(record: Record, decoded: schemas.Record) -> Decoded:
    values = decoded.fields
    identity = Identity(values["command_id"], values["tenant_id"], values["learner_id"])
    if decoded.type not in TYPES:
        return Decoded(record, decoded.type, identity, None, "type: belongs on another topic")
    return Decoded(record, decoded.type, identity, command(decoded.type, values), None)
