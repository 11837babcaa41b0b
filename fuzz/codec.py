"""What must be true of every value that the codec reads, in either form."""

from collections.abc import Callable

from fuzz.target import Reach
from schemas import PUBLISHED, CodecError, Format, InvalidRecord, Record, Unreadable, decode, decode_command, encode
from schemas.errors import UNREADABLE

Found = Record | CodecError


def judge(value: bytes) -> tuple[Found, Reach]:
    """What `decode` makes of a value: a record that both forms keep, or an error of the codec."""
    found = _attempt(decode, value)
    _assert_commands_alone(found, _attempt(decode_command, value))
    if isinstance(found, Record):
        _assert_kept(found)
        return found, Reach.ACCEPTED
    assert found.__cause__ is found.__context__ is None, "an error that carries another shows what it was about"
    if isinstance(found, InvalidRecord):
        return found, Reach.PARSED
    assert found.code in UNREADABLE
    return found, Reach.TURNED_AWAY if found.code in {"undecodable", "unknown_schema"} else Reach.PARSED


def _attempt(read: Callable[[bytes], Record], value: bytes) -> Found:
    try:
        return read(value)
    except (Unreadable, InvalidRecord) as error:
        return error


def _assert_kept(record: Record) -> None:
    for form in Format:
        assert decode(encode(record.type, record.fields, form)) == record


def _assert_commands_alone(found: Found, command: Found) -> None:
    """On a command topic a command is what it is anywhere, and anything else is of unknown type."""
    if _type(found) in PUBLISHED.commands:
        assert _said(command) == _said(found)
    else:
        assert isinstance(command, Unreadable)
        assert command.code in ({found.code, "unknown_type"} if isinstance(found, Unreadable) else {"unknown_type"})


def _type(found: Found) -> str:
    if isinstance(found, Record):
        return found.type
    return found.record_type if isinstance(found, InvalidRecord) else ""


def _said(found: Found) -> object:
    if isinstance(found, InvalidRecord):
        return found.identity, found.field, found.rule
    return found
