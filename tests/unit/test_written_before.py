"""What earlier versions wrote is read, and judged by, as they did: `tests/before/record.py`, run on their trees."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.cursor import Cursors
from chat.domain.model import Details, LearnerId, Message, Status, Thread, ThreadKey
from chat.domain.verdict import Remembered
from chat.privacy.envelope import DataKey
from chat.privacy.erasure_notes import Notes
from chat.privacy.export.chunk import BundleSeal
from chat.privacy.key_folder import KeyFolder
from chat.privacy.receipt import ReceiptKey, verify_chain
from chat.privacy.sealed_command import CommandOpener
from chat.privacy.sealed_letter import Content, LetterKey
from chat.storage.memory import MemoryStore
from chat.storage.migrate import migrations
from tests.before.record import EPOCH, KEY, LIFE, keys_in
from tests.records import Sent, uid
from tests.way import World
from tests.worker import ROOT

VERSIONS = sorted((ROOT / "tests" / "before").glob("*.json"))


def raw(told: str | None) -> bytes | None:
    """Bytes as the file has them."""
    return None if told is None else bytes.fromhex(told.removeprefix("0x"))


@pytest.fixture(params=VERSIONS, ids=lambda file: file.stem)
def before(request: pytest.FixtureRequest) -> Any:
    return json.loads(request.param.read_text(encoding="utf-8"))


def records(before: Any) -> list[Sent]:
    """The log that the version read."""
    return [
        Sent(**one | {"key": raw(one["key"]), "value": raw(one["value"]), "headers": headers_of(one)})
        for one in before["records"]
    ]


def headers_of(record: Any) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, raw(value) or b"") for name, value in record["headers"])


def store(before: Any) -> MemoryStore:
    """The tables that the version left."""
    made, state = MemoryStore(), before["state"]
    for (key, seq), value, time in state["messages"]:
        made.messages.put((thread_key(key), seq), Message(*value), time)
    for (life, command), (kind, digest, *rest), time in state["commands"]:
        made.commands.put((LearnerId(*life), command), Remembered(kind, raw(digest) or b"", *rest), time)
    for name in ("threads", "listed"):
        for key, (thread_id, details, status, *rest), time in state[name]:
            thread = Thread(thread_id, Details(*details), Status(status), *rest)
            getattr(made, name).put(thread_key(key), thread, time)
    for name in ("seqs", "marks"):
        for (key, other), value, time in state[name]:
            getattr(made, name).put((thread_key(key), other), value, time)
    made.owners = {("tenant-1", key.thread_id): key.learner for key in made.threads}
    return made


def thread_key(told: Any) -> ThreadKey:
    life, thread_id = told
    return ThreadKey(LearnerId(*life), thread_id)


def said(before: Any, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    """Keys and values of what the version put on a topic."""
    return [
        (raw(key), raw(value)) for place, out in before["said"].items() if place.startswith(topic) for key, value in out
    ]


def on(world: World, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    return [(one.key, one.value) for one in world.publisher.records(topic)]


def tables(made: MemoryStore) -> dict[str, Any]:
    """All that a store holds, write times included."""
    names = ("messages", "commands", "threads", "seqs", "marks", "listed", "owners")
    return {name: dict(getattr(made, name)) for name in names}


def test_there_are_earlier_versions() -> None:
    """The last of them is the one before the newest migration: who adds one records what was written until then."""
    assert [int(file.stem) for file in VERSIONS][-1:] == [len(migrations()) - 1]


def test_this_version_does_the_same_with_the_same_log(before: Any) -> None:
    """Two versions at work write the same rows, with the same times, and say the same, byte for byte."""
    world = World()
    world.run(records(before))
    assert tables(world.store) == tables(store(before))
    for topic in ("chat.events", "chat.rejections"):
        assert on(world, topic) == said(before, topic)


def test_it_takes_over_where_the_other_one_stood(before: Any) -> None:
    """After any record of the log: what the other one did counts as done, and what is left is done on top of it."""
    log, whole = records(before), store(before)
    for done in range(len(log)):
        world = World()
        world.run(log[:done])
        world.run(log)
        assert tables(world.store) == tables(whole)


def test_a_log_read_again_changes_nothing(before: Any) -> None:
    """On the tables that the other version left; its deleted threads are not said again."""
    world = World(store=store(before))
    kept = copy.deepcopy(tables(world.store))
    world.run(records(before))
    assert tables(world.store) == kept
    assert set(on(world, "chat.events")) <= set(said(before, "chat.events"))
    assert world.codes() == ["thread_not_found"]


def test_commands_sent_again_are_known(before: Any) -> None:
    """By their digests, which hold every word of a command, at new offsets; what was refused is judged anew."""
    world, log = World(store=store(before)), records(before)
    commands = [one for one in log if b"Service" not in dict(one.headers)["authorization"]]
    after = len(log), log[-1].timestamp
    again = [replace(one, offset=after[0] + at, timestamp=after[1] + at) for at, one in enumerate(commands)]
    world.run(again)
    assert sorted(world.codes()) == ["duplicate"] * (len(again) - 1) + ["thread_not_found"]
    assert world.events() == []


async def test_what_lies_under_keys_opens(before: Any, tmp_path: Path) -> None:
    """Cells, wrapped keys, letters, commands, chunks, cursors, receipts and notes."""

    async def secret() -> bytes:
        return KEY

    assert (
        await KeyFolder(keys_in(tmp_path / "keys")).unwrap(EPOCH, raw(before["wrapped"]) or b"", "bound") == b"d" * 32
    )
    assert DataKey(KEY, 1, LIFE).open(raw(before["cell"]) or b"", "content", uid(1, 1), uid(2, 1)) == "¾"
    letter = LetterKey(KEY, "2026-01-15").open(raw(before["letter"]) or b"", "chat.commands/0/1")
    assert letter == Content(b"junk", [("x", b"y")])
    opener = CommandOpener(bytes(range(32)))
    assert opener.open(raw(before["command"]) or b"", "chat.commands", b"tenant-1/learner-1") == b"{}"
    seal, chunk = BundleSeal("bundle", KEY), raw(before["chunk"]) or b""
    assert seal.open_head("messages", chunk).after == ("a", 1)
    assert seal.open_body("messages", chunk) == b"body"
    assert await Cursors(secret).open(("threads", "tenant-1", "learner-1"), before["cursor"]) == [1, uid(1, 1)]
    verify_chain(before["receipts"], ReceiptKey(KEY).jwk)
    assert Notes.read(before["notes"]) == Notes(1, 2, 3, 4, 5, 6, 7, 8, {"check": 9}, "draft")
