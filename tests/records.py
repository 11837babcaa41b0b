"""Records as a producer of commands would send them, and as Kafka would hand them over."""

import atexit
import json
import shutil
import tempfile
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import schemas
from chat.domain.partition import learner_key, partition_of
from chat.privacy.subject import Subjects
from chat.settings import Settings
from chat.tokens import TokenVerifier, make_token
from streams.internal import INTERNAL, ServiceSeal

SECRET = "a secret of the tests, 32 bytes long at least"
PARTITIONS = 4
SEAL = ServiceSeal(b"s" * 32)
SUBJECTS = Subjects(b"s" * 32)
NOW = 1_768_473_000_000
"""Broker time of the first record, in milliseconds."""


@cache
def key_folder() -> Path:
    """Where this run's keys and exports are, until it ends."""
    folder = tempfile.mkdtemp(prefix="chat-test-keys-")
    atexit.register(shutil.rmtree, folder)
    return Path(folder)


def settings_for_tests(**changes: Any) -> Settings:
    """Settings that no file changes."""
    folder = key_folder()
    defaults = {
        "jwt_secret_key": SECRET,
        "kek_folder": folder / "keys",
        "signing_key_file": folder / "signing.pem",
        "export_folder": folder / "exports",
        "erasure_ledger": folder / "ledger",
        "command_trim_seconds": 0,  # tests read the log again from its beginning
    }
    return Settings(_env_file=None, **defaults | changes)  # type: ignore[call-arg, arg-type]


@cache
def _settings() -> Settings:
    return settings_for_tests()


@cache
def verifier() -> TokenVerifier:
    """One for all: judging is cached by token."""
    return TokenVerifier(_settings())


@cache
def teacher(tenant: str) -> str:
    """The token of a teacher of all of a tenant's learners."""
    return token(tenant)


def token(tenant: str = "tenant-1", user: str = "teacher-1", role: str = "teacher", **changes: Any) -> str:
    """A token good for years."""
    learners = changes.pop("learners", ["*"])
    options = {"now": NOW / 1000 - 60, "ttl": 10 * 365 * 86_400, **changes}
    return make_token(_settings(), tenant, user, role, learners, **options)


def uid(kind: int, number: int) -> str:
    """A readable UUID: kind 1 threads, 2 messages, 3 commands."""
    return f"0000000{kind}-0000-7000-8000-{number:012x}"


@dataclass(frozen=True)
class Sent:
    """One record in a log, shaped like aiokafka's ConsumerRecord."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass
class Log:
    """A command topic in memory: gives every record its partition, offset and broker time."""

    topic: str = "chat.commands"
    records: list[Sent] = field(default_factory=list)
    clock: Any = field(default_factory=lambda: count(NOW))

    def send(self, record_type: str, bearer: str | None = None, **fields: Any) -> Sent:
        """Appends a command; key and partition are its learner's. The service's own is sealed, unless by `bearer`."""
        fields = {"tenant_id": "tenant-1", "learner_id": "learner-1", **fields}
        key = learner_key(fields["tenant_id"], fields["learner_id"]).encode()
        value = json.dumps({"type": record_type, **fields}).encode()
        given = ("authorization", b"Bearer " + (bearer or teacher(fields["tenant_id"])).encode())
        header = SEAL.header(value) if record_type in INTERNAL and bearer is None else given
        return self.append(value, key, partition_of(key, PARTITIONS), (header,))

    def append(
        self, value: bytes | None, key: bytes | None, partition: int, headers: tuple[tuple[str, bytes], ...] = ()
    ) -> Sent:
        """Appends whatever one likes."""
        offset = sum(1 for one in self.records if one.partition == partition)
        sent = Sent(self.topic, partition, offset, next(self.clock), key, value, headers)
        self.records.append(sent)
        return sent


def decoded(value: bytes) -> schemas.Record:
    """An event or refusal."""
    return schemas.decode(value)
