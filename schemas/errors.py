"""What can be wrong with a record's bytes. No error repeats what the bytes say: they may be a child's words."""

from collections.abc import Mapping
from typing import NamedTuple

UNREADABLE: Mapping[str, str] = {
    "undecodable": "the value is empty, broken off, or neither Avro nor a JSON object",
    "unknown_schema": "the Avro value's fingerprint belongs to no published schema, or its id in a registry to none",
    "unknown_type": "the record names no type that belongs on this topic",
    "no_identity": "`command_id`, `tenant_id` and `learner_id` cannot all be read",
}
"""Why a record is a dead letter: the contract's codes, and what they mean."""


class Identity(NamedTuple):
    """Whose record it is: non-empty strings of at most 16,384 characters, in the contract's order."""

    command_id: str
    tenant_id: str
    learner_id: str


class CodecError(Exception):
    """Base of all errors of this package: `code` is the contract's word, `detail` says more in English."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Unreadable(CodecError):
    """No known type, or no identity, can be read: the record is a dead letter.

    `code` is one of `UNREADABLE`.
    """


class InvalidRecord(CodecError):
    """A known type with its three ids, and something wrong in the rest: the command is refused as `invalid`.

    `field` is the dotted path of a field that the schema has (`data.content`), or empty for the record as a whole.
    """

    def __init__(self, record_type: str, identity: Identity, field: str, rule: str) -> None:
        super().__init__("invalid", f"{field or 'record'} {rule}")
        self.record_type = record_type
        self.identity = identity
        self.field = field
        self.rule = rule


class EncodeError(CodecError):
    """What a caller wants to encode is no record: a fault of the program, never of input that was decoded here."""

    def __init__(self, record_type: str, field: str, rule: str) -> None:
        super().__init__("invalid", f"{record_type}: {field or 'record'} {rule}")
        self.record_type = record_type
        self.field = field
        self.rule = rule


class Fault(Exception):
    """A rule that a value breaks, before it is known whose record it is in. Never leaves this package."""

    def __init__(self, rule: str, field: str = "") -> None:
        super().__init__(rule)
        self.rule = rule
        self.field = field

    def inside(self, field: str) -> "Fault":
        """The same fault, seen from the record around it."""
        return Fault(self.rule, f"{field}.{self.field}" if self.field else field)
