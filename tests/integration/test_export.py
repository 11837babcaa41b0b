"""Exports of rows in a real Cassandra: complete, within their memory, and not much slower than reading."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.domain.model import Learner, LearnerId, Life, ThreadKey
from chat.privacy.export.build import Limits
from chat.privacy.export.download import Download
from chat.privacy.export.folder_store import FolderStore
from chat.servers.embedded import Addresses
from chat.settings import Settings
from chat.storage.export_reads import ExportReader
from chat.storage.learner_keys import KeyTools, LearnerKeys
from chat.storage.session import Connection
from chat.storage.writes import MarkWrite, MessageWrite
from tests import bundles
from tests.api_client import TENANT, message_at
from tests.bulk import YEAR, Load, write, write_thread
from tests.keyspace import keyspace
from tests.records import NOW, uid
from tests.stores import store_of

MEMORY = 64 * 1024 * 1024
"""What an export may take over a process that has nothing to do, in bytes."""


@pytest.fixture(scope="module")
def house(servers: Addresses) -> Iterator[Settings]:
    with keyspace(servers) as settings:
        yield settings


def _measured(settings: Settings, load: Load, folder: Path) -> dict[str, Any]:
    """What an export in a process of its own cost."""
    names = ("cassandra_contact_points", "cassandra_port", "cassandra_keyspace", "kek_folder")
    cassandra = settings.model_dump(mode="json", include=set(names))
    told = {"cassandra": cassandra, "folder": str(folder), "threads": load.threads, "messages": load.messages}
    done = subprocess.run(
        [sys.executable, "-m", "tests.export_process"],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cost: dict[str, Any] = json.loads(done.stdout)
    rows = load.threads * load.messages
    cost["rate"] = rows / cost["seconds"]
    cost["of_bare"] = min(cost["bare_seconds"]) / cost["seconds"]
    sys.stdout.write(
        f"{rows} messages: {cost['rate']:.0f}/s, {cost['of_bare']:.2f} of a bare read,"
        f" {(cost['peak'] - cost['idle']) / 2**20:.0f} MiB over {cost['idle'] / 2**20:.0f} MiB\n"
    )
    return cost


async def _verify(folder: Path, load: Load) -> None:
    """By the script, from a file; the zip is never whole in memory."""
    target = folder / "bundle.zip"
    download = await Download.open(FolderStore(folder), bundles.LocalWrap(), TENANT, bundles.REQUEST)
    with target.open("wb") as file:
        async for piece in download.stream(bundles.unjudged):
            file.write(piece)
    assert target.stat().st_size == download.length
    key = bundles.SIGNING_KEY
    manifest = bundles.verifier().verify(target, {key.key_id: key.public})
    assert manifest["counts"]["messages"] == load.threads * load.messages
    assert manifest["counts"]["threads"] == load.threads


async def test_ten_thousand_messages(house: Settings, tmp_path: Path) -> None:
    """Complete and verified, in less than 64 MiB over idle."""
    load = Load(threads=10, messages=1_000)
    await write(house, load)
    cost = await asyncio.to_thread(_measured, house, load, tmp_path)
    await _verify(tmp_path, load)
    assert cost["peak"] - cost["idle"] < MEMORY


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_million_messages(servers: Addresses, tmp_path: Path) -> None:
    """The same bound, and at least half as fast as reading the rows and doing nothing with them."""
    load = Load(threads=1_000, messages=1_000)
    # Cassandra 5.0.8 may end itself when a table goes whose commit log is being reclaimed ("Unknown CF").
    with keyspace(servers, dropped=False) as settings:
        asyncio.run(write(settings, load))
        cost = _measured(settings, load, tmp_path)
    asyncio.run(_verify(tmp_path, load))
    assert cost["peak"] - cost["idle"] < MEMORY
    assert cost["of_bare"] >= 0.5


async def _live_again(tools: KeyTools, learner: Learner) -> None:
    """The learner's second life, with a key."""
    subject = tools.subjects.of(learner)
    await tools.lives.end(subject, 1)
    await tools.lives.begin(subject, Life(generation=2, since=9), None)
    await LearnerKeys(tools, writes=True).make([learner])


async def test_every_row_of_the_learner_and_no_one_elses(house: Settings) -> None:
    """Two learners and two lives with the same thread ids' neighbours; more threads and marks than a page holds."""
    mine = LearnerId(TENANT, "learner-9", 2)
    others = LearnerId(TENANT, "learner-9", 1), LearnerId(TENANT, "learner-8", 2), LearnerId("tenant-2", "learner-9", 2)
    connection = await Connection.open(house)
    tools = await KeyTools.open(connection, house)
    for learner in (mine, *others):
        await _live_again(tools, learner.learner)
    store = await store_of(connection, house, 10 * YEAR)
    threads = [ThreadKey(mine, uid(1, number)) for number in range(20_001, 20_605)]
    foreign = [ThreadKey(other, uid(1, number)) for number, other in enumerate(others, 30_001)]
    await asyncio.gather(
        *(write_thread(store, key, number, 3 if number % 2 else 0) for number, key in enumerate(threads, 20_001)),
        *(write_thread(store, key, number, 5) for number, key in enumerate(foreign, 30_001)),
    )
    marks = [MarkWrite(key, user, 2, NOW * 1000) for key in threads for user in ("learner-9", "teacher-1")]
    await store.write_messages([], [], marks)
    husk = message_at(2, 20_001, content=None, deleted_at=NOW + 9)
    await store.write_messages([MessageWrite(threads[0], husk, NOW * 1000 + 9)], [])
    kept = bundles.MemoryStore()
    reader = await ExportReader.open(connection, LearnerKeys(tools, writes=False))
    await bundles.builder(kept, limits=Limits(records=100)).build(
        reader, bundles.subject(learner=mine), bundles.no_progress
    )
    files = bundles.members(await bundles.zipped(kept))
    assert {one["thread_id"] for one in bundles.lines(files, "threads")} == {key.thread_id for key in threads}
    said = [(one["thread_id"], one["seq"]) for one in bundles.lines(files, "messages")]
    assert said == [(key.thread_id, seq) for key in threads[::2] for seq in (1, 2, 3)]
    deleted = [one for one in bundles.lines(files, "messages") if one["content"] is None]
    assert [(one["seq"], one["reply_to"], one["deleted_at"] is None) for one in deleted] == [(2, None, False)]
    assert len(bundles.lines(files, "read_marks")) == len(marks) == 1_208
    await connection.close()
