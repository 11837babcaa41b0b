"""Two learners with unmistakable words go through everything; one is erased, and no file has a word of it.

On servers of their own, whose files are read.
"""

import contextlib
import shutil
from collections import Counter
from pathlib import Path

import pytest

from chat.ids import new_id
from chat.servers.embedded import EmbeddedServers
from tests.chat_program import Ended
from tests.conftest import StartWorker
from tests.erasure_worker import PROGRAM as WORKER
from tests.estate import Estate, erase, estate
from tests.integration.test_erasure import Life
from tests.wait import until

CANARY, SPARROW = "canary7f3a unmistakable", "sparrow51bd unmistakable"
SOON = {"segment.ms": "500", "file.delete.delay.ms": "500"}
PAST = SOON | {"retention.ms": "500"}
COMPACTED = SOON | {"min.compaction.lag.ms": "0", "max.compaction.lag.ms": "500"}


def live(estate: Estate, learner: str, word: str) -> Life:
    """A life whose words are in every kind of command and event, a refusal, a dead letter and a bundle."""
    life = Life(estate.house, learner, word).live()
    nowhere = {"type": "PostMessage", "thread_id": new_id(), "message_id": new_id(), "content": word}
    assert life.send(nowhere) == ["thread_not_found"]
    estate.dead_letter(learner, word)
    whose = ("--tenant", "tenant-1", "--learner", learner)
    assert estate.house.chat.run("privacy", "export", *whose, "--wait", "--timeout", "240").status == 0
    return life


def places(ended: Ended, what: str) -> Counter[str]:
    """How many traces of a kind there are by kind of place."""
    return Counter(_kind(str(one["place"])) for one in ended.lines if one["what"] == what)


def _kind(place: str) -> str:
    names = ("CommitLog", "-Data.db", "/exports/", "chat.commands-", "chat.events-", "chat.dead-letter-")
    return next((name.strip("-/") for name in names if name in place), place.split(maxsplit=1)[0].partition("[")[0])


def everywhere(estate: Estate) -> list[str]:
    """Every folder that the servers and the service write to, in the order of `--path`."""
    return [part for path in (estate.logs, estate.node, estate.folder / "exports") for part in ("--path", str(path))]


def test_no_file_has_a_word_of_the_erased(
    own_servers: EmbeddedServers, jmx: int, tmp_path: Path, start_worker: StartWorker
) -> None:
    """Before, each is found in every place. Behind it, the erased in none, unless old keys are brought back."""
    with estate(own_servers, jmx, tmp_path) as here:
        worker = start_worker(here.settings, program=(WORKER,)).until_ready()
        live(here, "canary", CANARY)
        live(here, "sparrow", SPARROW)
        before = found_everywhere(here)
        assert places(before, "key")["Data.db"] > 0
        here.tool("snapshot", "-t", "before")
        shutil.copytree(here.settings.kek_folder, tmp_path / "keys-before")
        erase(here, "canary")
        gone = until_gone(here, "sparrow")
        assert gone.status == 0, gone.out + gone.err
        assert set(places(gone, "ids")) >= {"Data.db", "chat.events"}
        assert "NOT FOUND" not in gone.err
        brought = here.verify("canary", "--keys", str(tmp_path / "keys-before"), *everywhere(here))
        assert (brought.status, places(brought, "row")) == (1, Counter())
        assert places(brought, "key")["Data.db"] > 0
        assert places(brought, "words")["Data.db"] > 0
        assert CANARY not in worker.log.read_text()
        assert here.verify("canary", "--path", str(worker.log)).status == 0


@pytest.mark.soak
def test_without_encryption_words_go_with_their_bytes(
    own_servers: EmbeddedServers, jmx: int, tmp_path: Path, start_worker: StartWorker
) -> None:
    """Nothing but compaction, retention and the commit log's end makes them unreadable then, and they do."""
    with estate(own_servers, jmx, tmp_path, message_encryption=False) as here:
        worker = start_worker(here.settings, program=(WORKER,)).until_ready()
        live(here, "canary", CANARY)
        live(here, "sparrow", SPARROW)
        assert places(found_everywhere(here), "words")["CommitLog"] > 0
        asked = here.house.ask("delete", "canary")
        assert here.house.until_final(asked["request_id"])["state"] == "completed"
        here.tool("flush")
        here.tool("garbagecollect")
        (node,) = here.servers.cassandra
        here.tool("drain")
        node.stop()
        node.start()
        gone = until_gone(here, "sparrow")
        assert gone.status == 0, gone.out + gone.err
        assert "NOT FOUND" not in gone.err
        assert CANARY not in worker.log.read_text()


def found_everywhere(here: Estate) -> Ended:
    """What is found of the one that is to be erased: words in each kind of file that is flushed."""
    here.tool("flush")
    before = here.verify("canary", "--text", CANARY, *everywhere(here))
    assert before.status == 1
    wanted = {"chat.commands", "chat.events", "chat.dead-letter", "Data.db", "exports"}
    assert set(places(before, "words")) >= wanted, before.out
    return before


def until_gone(here: Estate, control: str) -> Ended:
    """The search behind retention, compaction and garbage collection, which are made to come now."""
    here.tool("flush")
    here.tool("compact")
    for topic in ("chat.commands", "chat.rejections", "chat.dead-letter"):
        here.alter(topic, PAST)
    here.alter("chat.events", COMPACTED)
    here.heartbeat("chat.events")
    found: list[Ended] = []

    def clean() -> bool:
        here.heartbeat("chat.events")
        controlled = ("--control", control, "--control-text", SPARROW, "--text", CANARY)
        found.append(here.verify("canary", *controlled, *everywhere(here)))
        return found[-1].status == 0

    with contextlib.suppress(AssertionError):
        # What an erasure trimmed before goes a minute later: then the topics' own delay still held.
        until(clean, 100, "the end of every word")
    return found[-1]
