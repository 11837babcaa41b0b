"""A worker that moderates, and what it takes for rules."""

import json
from pathlib import Path
from typing import Any

import pytest

from chat.ids import new_id
from chat.sdk import Producer
from chat.servers.embedded import Addresses
from chat.settings import Settings
from tests.clean_house import clean_house, drop_keyspace
from tests.conftest import StartWorker
from tests.oracle.topics import EVENTS, Reader, Said
from tests.records import PARTITIONS, token

EX_CONFIG = 78
IDS = {"tenant_id": "tenant-1", "learner_id": "learner-1", "thread_id": new_id()}


def _write(file: Path, *versions: dict[str, Any]) -> None:
    file.write_text(json.dumps({"versions": versions}))


def _version(name: str, **words: list[str]) -> dict[str, Any]:
    return {"name": name, "words": {"tenant-1": words}}


FIRST = _version("first", refuse=["vile"], mask=["darn"], flag=["sad"])


def test_rules_by_version(servers: Addresses, tmp_path: Path, start_worker: StartWorker) -> None:
    """Refused, masked and flagged; a version that is added counts from then on.

    One that is changed stops a worker, and so does who switches it off.
    """
    rules = tmp_path / "rules.json"
    _write(rules, FIRST)
    settings = clean_house(servers, content_moderation=True, moderation_file=rules)
    worker = start_worker(settings).until_ready()
    assert _outcomes(settings, "vile", "Dàrn it", "so sad") == ["moderated", "", ""]
    assert worker.stop() == 0
    before = _said(settings)
    assert [_words(one) for one in before] == [("**** it", ""), ("so sad", "true")]

    _write(rules, FIRST, _version("second", mask=["sad"]))
    worker = start_worker(settings.model_copy(update={"consumer_group": f"{settings.consumer_group}_again"}))
    worker.until_ready()
    assert _outcomes(settings, "vile and sad") == [""]
    assert worker.stop() == 0
    again = _said(settings)[len(before) :]
    assert [_words(one) for one in again] == [*map(_words, before), ("vile and ***", "")]

    _write(rules, FIRST | {"words": {}}, _version("second", mask=["sad"]))
    _assert_stopped(start_worker, settings, "the version first was changed")
    _write(rules, _version("second", mask=["sad"]))
    _assert_stopped(start_worker, settings, "lacks the version first")
    off = settings.model_copy(update={"content_moderation": False, "moderation_file": None})
    _assert_stopped(start_worker, off, "CONTENT_MODERATION: must stay true")
    drop_keyspace(settings)


def _outcomes(settings: Settings, *contents: str) -> list[str]:
    """The code of each, in a thread that may be there already."""
    posts = [{"type": "PostMessage", "message_id": new_id(), "content": content} for content in contents]
    bearer = token("tenant-1")
    with Producer(settings) as producer:
        producer.send({"type": "CreateThread", "title": "Fractions"} | IDS, token=bearer).outcome(120)
        return [producer.send(post | IDS, token=bearer).outcome(120).code or "" for post in posts]


def _said(settings: Settings) -> list[Said]:
    reader = Reader(settings.kafka_bootstrap_servers[0], PARTITIONS)
    said = reader.read_to(reader.ends())
    reader.close()
    return [one for one in said if one.topic == EVENTS and one.record.type == "CHAT_MESSAGE_CREATED"]


def _words(said: Said) -> tuple[str, str]:
    return said.record.fields["data"]["content"], said.header("flagged")


def _assert_stopped(start_worker: StartWorker, settings: Settings, why: str) -> None:
    worker = start_worker(settings)
    assert worker.exit_status() == EX_CONFIG
    assert why in worker.tail()


@pytest.mark.parametrize("text", ["", "{}"])
def test_a_worker_without_rules_does_not_start(
    servers: Addresses, tmp_path: Path, start_worker: StartWorker, text: str
) -> None:
    """Nothing is kept unjudged because a file is wrong."""
    rules = tmp_path / "rules.json"
    rules.write_text(text)
    settings = clean_house(servers, content_moderation=True, moderation_file=rules)
    _assert_stopped(start_worker, settings, "MODERATION_FILE")
    drop_keyspace(settings)
