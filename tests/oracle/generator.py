"""Records as a few schools' software would send them: good ones, repeated ones, and every kind of wrong one.

Everything but the tokens' times follows from the seed.
"""

import dataclasses
import json
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import jwt

import schemas
from tests.oracle.intents import Intent
from tests.records import SECRET

WORDS = ("one half", "Grüße", "3/4 > 2/3", "日本語", "ok", "why?", "because of the number line", "🙂", "x" * 900)
FAR = 10 * 365 * 86_400
FORBIDDEN: Sequence[tuple[dict[str, Any], dict[str, Any]]] = (
    ({}, {"role": "compliance"}),
    ({}, {"role": "teacher", "permissions": []}),
    ({"message_type": "system"}, {"role": "teacher"}),
)
INVALID: Sequence[dict[str, Any]] = (
    {"content": "", "message_type": "text"},
    {"content": "x" * 16_385},
    {"message_id": "no-uuid"},
    {"colour": "red"},
)


class Generator:
    """An endless source of intents. `now` is the time in seconds from which tokens' expiry counts."""

    def __init__(self, seed: int, tenants: int = 3, learners: int = 5, now: float | None = None) -> None:
        self._random = random.Random(seed)
        self._now = time.time() if now is None else now
        self._tenants = [f"tenant-{seed}-{number}" for number in range(tenants)]
        self._learners = [(tenant, f"learner-{number}") for tenant in self._tenants for number in range(learners)]
        self._threads: list[dict[str, Any]] = []
        self._sent: list[Intent] = []
        self._number = 0

    def __iter__(self) -> Iterator[Intent]:
        return self

    def __next__(self) -> Intent:
        """Each learner has a thread first, then there is a message; then whatever comes."""
        if len(self._threads) < len(self._learners):
            return self._remember(self._create(self._learners[len(self._threads)]))
        if not any(one.type == "PostMessage" for one in self._sent[: len(self._learners) + 1]):
            return self._remember(self._post())
        action = self._random.choices(self._actions, self._weights)[0]
        return self._remember(action())

    def take(self, count: int) -> list[Intent]:
        """The next intents."""
        return [next(self) for _ in range(count)]

    def again(self, intents: Iterable[Intent]) -> list[Intent]:
        """The same records once more."""
        return [dataclasses.replace(one, number=self._next_number()) for one in intents]

    @cached_property
    def _table(self) -> Mapping[Callable[[], Intent], int]:
        return {
            self._post: 60,
            self._reply: 12,
            lambda: self._create(self._random.choice(self._learners)): 5,
            self._again: 6,
            self._reused_command: 2,
            self._reused_message: 2,
            self._reused_thread: 2,
            self._bad_token: 2,
            self._expired: 2,
            self._short_lived: 2,
            self._out_of_scope: 2,
            self._wrong_tenant: 2,
            self._wrong_key: 2,
            self._wrong_partition: 2,
            self._missing_thread: 2,
            self._missing_reply: 1,
            self._forbidden: 2,
            self._invalid: 2,
            self._junk: 3,
        }

    @cached_property
    def _actions(self) -> list[Callable[[], Intent]]:
        return list(self._table)

    @cached_property
    def _weights(self) -> list[int]:
        return list(self._table.values())

    # Good ones

    def _create(self, learner: tuple[str, str], **changes: Any) -> Intent:
        fields = self._identity(learner) | {
            "thread_id": self._uuid(),
            "title": self._random.choice(WORDS)[:200],
            "metadata": self._metadata(),
        }
        self._threads.append({"learner": learner, "id": fields["thread_id"], "messages": []})
        return self._command("CreateThread", fields | changes)

    def _post(self, **changes: Any) -> Intent:
        thread = self._thread()
        fields = self._posting(thread) | changes
        thread["messages"].append(fields["message_id"])
        return self._command("PostMessage", fields)

    def _reply(self) -> Intent:
        thread = self._thread()
        fields = self._posting(thread)
        if thread["messages"]:
            fields["reply_to"] = self._random.choice(thread["messages"])
        thread["messages"].append(fields["message_id"])
        return self._command("PostMessage", fields)

    def _again(self) -> Intent:
        """The same command, perhaps in the other encoding."""
        earlier = self._good()
        return self._command(earlier.type, dict(earlier.fields))

    # Ids used twice

    def _reused_command(self) -> Intent:
        earlier = self._good()
        fields = dict(earlier.fields)
        fields["title" if earlier.type == "CreateThread" else "content"] = "another body"
        return self._command(earlier.type, fields)

    def _reused_message(self) -> Intent:
        earlier = self._good("PostMessage")
        return self._command(earlier.type, {**earlier.fields, "command_id": self._uuid()})

    def _reused_thread(self) -> Intent:
        """By the same learner or by another one of the tenant."""
        earlier = self._good("CreateThread")
        tenant = earlier.fields["tenant_id"]
        learner = self._random.choice([one for one in self._learners if one[0] == tenant])
        fields = {**earlier.fields, **self._identity(learner)}
        return self._command("CreateThread", fields)

    # Senders who may not

    def _bad_token(self) -> Intent:
        good = self._message()
        wrong = jwt.encode(self._claims(good), "another secret, which is long enough", algorithm="HS256")
        no_role = {name: value for name, value in self._claims(good).items() if name != "role"}
        bearers = (None, "Bearer nonsense", f"Bearer {wrong}", "Basic abc", _bearer(no_role))
        return self._command("PostMessage", good, None, bearer=self._random.choice(bearers))

    def _expired(self) -> Intent:
        good = self._message()
        return self._command("PostMessage", good, self._claims(good) | {"exp": int(self._now) - 60})

    def _short_lived(self) -> Intent:
        """Good or not, as the broker's clock has it."""
        good = self._message()
        return self._command("PostMessage", good, self._claims(good) | {"exp": int(self._now) + 4})

    def _out_of_scope(self) -> Intent:
        good = self._message()
        return self._command("PostMessage", good, self._claims(good) | {"learner_scope": ["somebody-else"]})

    def _wrong_tenant(self) -> Intent:
        good = self._message()
        return self._command("PostMessage", good, self._claims(good) | {"tenant_id": "another-tenant"})

    def _forbidden(self) -> Intent:
        good = self._message()
        claims = self._claims(good)
        fields, changes = self._random.choice(FORBIDDEN)
        return self._command("PostMessage", good | fields, claims | changes)

    # Records that are not where, or what, they must be

    def _wrong_key(self) -> Intent:
        wrong = self._random.choice((b"nobody/at-all", None))
        return dataclasses.replace(self._command("PostMessage", self._message()), key=wrong)

    def _wrong_partition(self) -> Intent:
        return dataclasses.replace(self._command("PostMessage", self._message()), home=False)

    def _missing_thread(self) -> Intent:
        return self._command("PostMessage", self._message() | {"thread_id": self._uuid()})

    def _missing_reply(self) -> Intent:
        return self._command("PostMessage", self._message() | {"reply_to": self._uuid()})

    def _invalid(self) -> Intent:
        intent = self._command("PostMessage", self._message() | self._random.choice(INVALID), as_json=True)
        return dataclasses.replace(intent, flaw="invalid")

    def _junk(self) -> Intent:
        ids = self._identity(self._random.choice(self._learners))
        code, value = self._random.choice(
            [
                ("undecodable", b"\x01" + self._random.randbytes(40)),
                ("undecodable", None),
                ("undecodable", b'{"type": "PostMessage", '),
                ("unknown_schema", b"\xc3\x01" + self._random.randbytes(30)),
                ("unknown_type", json.dumps({"type": "DanceTango", **ids}).encode()),
                ("no_identity", json.dumps({"type": "PostMessage", "command_id": ids["command_id"]}).encode()),
            ]
        )
        key = f"{ids['tenant_id']}/{ids['learner_id']}".encode()
        return Intent(self._next_number(), "", {}, None, "Bearer secret", key, value, flaw=code)

    # Parts

    def _command(
        self,
        record_type: str,
        fields: dict[str, Any],
        claims: Mapping[str, Any] | None = None,
        *,
        as_json: bool | None = None,
        **bearer: str | None,
    ) -> Intent:
        if not bearer:
            claims = self._claims(fields) if claims is None else claims
            bearer = {"bearer": _bearer(claims)}
        plain = self._random.random() < 0.5 if as_json is None else as_json
        value = _json(record_type, fields) if plain else schemas.encode(record_type, fields)
        key = f"{fields['tenant_id']}/{fields['learner_id']}".encode()
        return Intent(self._next_number(), record_type, fields, claims, bearer["bearer"], key, value)

    def _claims(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Those of somebody who may send it."""
        learner = fields["learner_id"]
        return {
            "user_id": f"teacher-{self._random.randrange(3)}",
            "tenant_id": fields["tenant_id"],
            "role": self._random.choice(("teacher", "guardian", "admin")),
            "learner_scope": self._random.choice((["*"], ["somebody-else", learner])),
            "exp": int(self._now) + FAR,
        }

    def _message(self) -> dict[str, Any]:
        """A post whose message nobody will reply to."""
        return self._posting(self._thread())

    def _posting(self, thread: Mapping[str, Any]) -> dict[str, Any]:
        return self._identity(thread["learner"]) | {
            "thread_id": thread["id"],
            "message_id": self._uuid(),
            "content": self._random.choice(WORDS),
            "message_type": self._random.choice(("text", "text", "image", "file")),
            "reply_to": None,
            "metadata": self._metadata(),
        }

    def _identity(self, learner: tuple[str, str]) -> dict[str, Any]:
        return {"command_id": self._uuid(), "tenant_id": learner[0], "learner_id": learner[1]}

    def _thread(self) -> dict[str, Any]:
        """The later ones more often, so that some threads rest."""
        return self._threads[int(len(self._threads) * self._random.random() ** 0.5)]

    def _good(self, record_type: str = "") -> Intent:
        """One of the good ones sent before."""
        found = [one for one in self._sent[-400:] if record_type in ("", one.type)]
        return self._random.choice(found or [one for one in self._sent if record_type in ("", one.type)])

    def _metadata(self) -> str:
        return self._random.choice(("{}", "{}", '{"lang":"de"}', '{"n":[1,2,{"k":null}]}'))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _remember(self, intent: Intent) -> Intent:
        if intent.type and not intent.flaw and intent.claims is not None and intent.home:
            self._sent.append(intent)
        return intent


def _bearer(claims: Mapping[str, Any]) -> str:
    return "Bearer " + jwt.encode(dict(claims), SECRET, algorithm="HS256")


def _json(record_type: str, fields: Mapping[str, Any]) -> bytes:
    return json.dumps({"type": record_type, **fields, "metadata": json.loads(fields["metadata"])}).encode()
