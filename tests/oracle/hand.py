"""Draws the parts of records: ids, fields, tokens and encodings, and remembers what was said before."""

import json
import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt

import schemas
from tests.oracle.intents import Intent
from tests.records import SECRET

WORDS = ("one half", "Grüße", "3/4 > 2/3", "日本語", "ok", "why?", "because of the number line", "🙂", "x" * 900)
METADATA = ("{}", "{}", '{"lang":"de"}', '{"n":[1,2,{"k":null}]}')
FAR = 10 * 365 * 86_400
USERS = ("teacher-0", "teacher-1", "teacher-2")
Fields = dict[str, Any]


@dataclass(slots=True)
class Talk:
    """A thread as its writers know it: `senders` of its messages by id, whether applied or not."""

    learner: tuple[str, str]
    thread_id: str
    senders: dict[str, str] = field(default_factory=dict)


class Hand:
    """Writes commands. Everything but the tokens' times follows from the seed.

    `now` is the time in seconds from which tokens' expiry counts.
    """

    def __init__(self, seed: int, tenants: int, learners: int, now: float) -> None:
        self.random = random.Random(seed)
        self.now = int(now)
        names = [f"tenant-{seed}-{number}" for number in range(tenants)]
        self.learners = [(tenant, f"learner-{number}") for tenant in names for number in range(learners)]
        self.talks: list[Talk] = []
        self.sent: list[Intent] = []
        self._number = 0

    # What is said

    def identity(self, learner: tuple[str, str]) -> Fields:
        """A new command of a learner."""
        return {"command_id": self.uuid(), "tenant_id": learner[0], "learner_id": learner[1]}

    def of(self, talk: Talk) -> Fields:
        """A new command about a thread."""
        return self.identity(talk.learner) | {"thread_id": talk.thread_id}

    def posting(self, talk: Talk) -> Fields:
        """The fields of a good post."""
        return self.of(talk) | {
            "message_id": self.uuid(),
            "content": self.words(),
            "message_type": self.random.choice(("text", "text", "image", "file")),
            "reply_to": None,
            "metadata": self.metadata(),
        }

    def message(self) -> Fields:
        """A post whose message nobody will name again."""
        return self.posting(self.talk())

    def words(self) -> str:
        """A content or title."""
        return self.random.choice(WORDS)

    def metadata(self) -> str:
        """A JSON object."""
        return self.random.choice(METADATA)

    def uuid(self) -> str:
        """An id that is new."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    # Whom and what it is about

    def talk(self) -> Talk:
        """A thread: the later ones more often, so that some threads rest."""
        return self._late(self.talks)

    def spoken(self) -> tuple[Talk, str]:
        """A thread with a message of it, or with none where nobody has said anything."""
        talk = self._late([one for one in self.talks if one.senders] or self.talks)
        return talk, self.random.choice(list(talk.senders) or [self.uuid()])

    def _late(self, talks: Sequence[Talk]) -> Talk:
        return talks[int(len(talks) * self.random.random() ** 0.5)]

    def before(self, record_type: str = "") -> Intent:
        """A command sent before, as it should have been, of the last ones if there is any."""
        found = [one for one in self.sent[-400:] if record_type in ("", one.type)]
        return self.random.choice(found or [one for one in self.sent if record_type in ("", one.type)])

    # Who says it, and how

    def claims(self, fields: Mapping[str, Any], *roles: str, user: str = "") -> Fields:
        """Those of somebody who may send it: one of `roles`, by default any that may post and make threads."""
        return {
            "user_id": user or self.random.choice(USERS),
            "tenant_id": fields["tenant_id"],
            "role": self.random.choice(roles or ("teacher", "guardian", "admin")),
            "learner_scope": self.random.choice((["*"], ["somebody-else", fields["learner_id"]])),
            "exp": self.now + FAR,
        }

    def command(
        self,
        record_type: str,
        fields: Fields,
        claims: Mapping[str, Any] | None = None,
        *,
        as_json: bool | None = None,
        **bearer: str | None,
    ) -> Intent:
        """A record with its token, in one encoding or the other."""
        if not bearer:
            claims = self.claims(fields) if claims is None else claims
            bearer = {"bearer": bearing(claims)}
        plain = self.random.random() < 0.5 if as_json is None else as_json
        value = _json(record_type, fields) if plain else schemas.encode(record_type, fields)
        key = f"{fields['tenant_id']}/{fields['learner_id']}".encode()
        return Intent(self.next_number(), record_type, fields, claims, bearer["bearer"], key, value)

    def next_number(self) -> int:
        """The number of the next record."""
        self._number += 1
        return self._number

    def remember(self, intent: Intent) -> Intent:
        """Keeps what may be sent again."""
        if intent.type and not intent.flaw and intent.claims is not None and intent.home:
            self.sent.append(intent)
        return intent


def bearing(claims: Mapping[str, Any]) -> str:
    """The header of a token with a good signature."""
    return "Bearer " + jwt.encode(dict(claims), SECRET, algorithm="HS256")


def _json(record_type: str, fields: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(_as_json(record_type, fields))).encode()


def _as_json(record_type: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "type", record_type
    for name, value in fields.items():
        yield name, json.loads(value) if name == "metadata" and value is not None else value
