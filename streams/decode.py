"""Record → typed command, or dead letter."""

from collections.abc import Mapping

import schemas
from chat.domain.commands import TYPES, Command, FenceLearner
from chat.domain.privacy_commands import PrivacyCommand
from streams.records import Closed, DeadLetter, Decoded, Identity, Opened, Record

Types = Mapping[str, type[Command] | type[FenceLearner] | type[PrivacyCommand]]
"""The commands of a topic by their names."""

_OF_THE_LOG: Types = {**TYPES, FenceLearner.__name__: FenceLearner}


def decode(record: Record, value: Opened, types: Types = _OF_THE_LOG) -> Decoded | DeadLetter:
    """The command of a record with that opened value; a dead letter when its type, command, tenant and learner cannot
    be read.
    """
    if isinstance(value, Closed):
        return DeadLetter(record, value.code, value.detail)
    try:
        decoded = schemas.decode_command(value or b"")
    except schemas.Unreadable as error:
        return DeadLetter(record, error.code, error.detail)
    except schemas.InvalidRecord as error:
        return Decoded(
            record, error.record_type, Identity(*error.identity), None, f"{error.field or 'record'}: {error.rule}"
        )
    return _typed(record, decoded, types)


def _typed(record: Record, decoded: schemas.Record, types: Types) -> Decoded:
    values = decoded.fields
    identity = Identity(values["command_id"], values["tenant_id"], values["learner_id"])
    if decoded.type not in types:
        return Decoded(record, decoded.type, identity, None, "type: belongs on another topic")
    return Decoded(record, decoded.type, identity, types[decoded.type](**values), None)
