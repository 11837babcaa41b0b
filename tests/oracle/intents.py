"""A record before it is produced, with what its producer knows of it, and after, with its place in the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Intent:
    """One record to produce.

    `fields` is what a command says (empty for junk); `claims` those of a token with a good signature, or None where
    there is no such token; `home` is False where the record goes to a partition that is not its learner's;
    `flaw` is what is wrong with the value itself: `invalid`, or a dead letter's code.
    """

    number: int
    type: str
    fields: Mapping[str, Any]
    claims: Mapping[str, Any] | None
    bearer: str | None
    key: bytes | None
    value: bytes | None
    home: bool = True
    flaw: str = ""

    @property
    def learner(self) -> tuple[str, str]:
        """Tenant and learner that the command names."""
        return self.fields["tenant_id"], self.fields["learner_id"]

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """The correlation id tells which record caused what."""
        correlation = [("correlation-id", str(self.number).encode())]
        return correlation + ([] if self.bearer is None else [("authorization", self.bearer.encode())])


class Logged(NamedTuple):
    """A record in the log; `timestamp` is the broker's, in milliseconds."""

    intent: Intent
    partition: int
    offset: int
    timestamp: int

    @property
    def place(self) -> tuple[int, int]:
        return self.partition, self.offset
