"""Makes commands as a producer would send them, and what is wrong with some of them.

All are about `learner-1` of `tenant-1`, as a teacher of that learner alone sends them; their ids are fresh.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import schemas
from chat.domain.partition import learner_key, partition_of
from tests.hostile_tokens import AUDIENCE, ISSUER
from tests.records import PARTITIONS, token, uid

TENANT, LEARNER, OTHER = "tenant-1", "learner-1", "learner-2"
THREAD, OTHERS_THREAD, MESSAGE, USED = uid(1, 1), uid(1, 2), uid(2, 1), uid(3, 0)
KEY = learner_key(TENANT, LEARNER).encode()
HOME = partition_of(KEY, PARTITIONS)
ATTACHMENT = {"uri": "s3://a/b", "media_type": "image/png", "bytes": 1, "sha256": "0" * 64}
LONG = 10 * 365 * 86_400

Fields = dict[str, Any]


class Attempt(NamedTuple):
    """A record as a producer would send it."""

    value: bytes | None
    key: bytes | None
    partition: int
    headers: tuple[tuple[str, bytes], ...] = ()


def bearer(tenant: str = TENANT, **changes: Any) -> str:
    """The token of a teacher of all learners, unless `changes` say otherwise."""
    return token(tenant, iss=ISSUER, aud=AUDIENCE, **changes)


@dataclass
class CommandForge:
    """Makes attempts; `good` ones are accepted, in any number."""

    made: int = 0
    token: str = field(default_factory=lambda: bearer(learners=[LEARNER]))

    def fields(self, **changes: Any) -> Fields:
        """A message, with ids of its own."""
        self.made += 1
        ids = {"command_id": uid(3, self.made), "tenant_id": TENANT, "learner_id": LEARNER, "thread_id": THREAD}
        message = {
            "message_id": uid(2, 100 + self.made),
            "content": "words",
            "message_type": "text",
            "reply_to": MESSAGE,
        }
        return {"type": "PostMessage", **ids, **message, "metadata": {"attachments": [ATTACHMENT]}, **changes}

    def mark(self, seq: Any) -> Fields:
        """A mark of what was read."""
        return self.other("MarkRead", seq=seq)

    def other(self, record_type: str, **more: Any) -> Fields:
        """A command of another type about the thread."""
        self.made += 1
        ids = {"command_id": uid(3, self.made), "tenant_id": TENANT, "learner_id": LEARNER, "thread_id": THREAD}
        return {"type": record_type, **ids, **more}

    def good(self) -> Attempt:
        """One that is accepted."""
        return self.attempt(self.fields())

    def attempt(self, fields: Fields, by: str = "", **changes: Any) -> Attempt:
        """A record with these fields; key and partition are of whom the fields name."""
        key = learner_key(str(fields["tenant_id"]), str(fields["learner_id"])).encode()
        header = ("authorization", b"Bearer " + (by or self.token).encode())
        sent = Attempt(json.dumps(fields).encode(), key, partition_of(key, PARTITIONS), (header,))
        return sent._replace(**changes)

    def raw(self, value: str | bytes | None) -> Attempt:
        """The good one with another value."""
        return self.good()._replace(value=value.encode() if isinstance(value, str) else value)

    def text(self) -> str:
        """The value of a good one."""
        return json.dumps(self.fields())

    def avro(self) -> bytes:
        """The value of a good one in Avro."""
        told = {name: value for name, value in self.fields().items() if name != "type"}
        return schemas.encode("PostMessage", told | {"metadata": json.dumps(told["metadata"])})


Made = Iterator[Attempt]
Make = Callable[[CommandForge], Made]
"""Makes every attempt of a kind."""
