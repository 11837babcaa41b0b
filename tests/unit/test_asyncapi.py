"""The topics' description: `docs/asyncapi.yaml`, against AsyncAPI's own schema and against the code."""

import copy
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from jsonschema_rs import Draft7Validator

from chat.asyncapi import document
from chat.cli.asyncapi import description
from chat.domain.events import Cause, thread_read
from chat.domain.verdicts import Code
from chat.settings import Settings
from chat.topic_specs import specs
from schemas import PUBLISHED, decode, encode
from schemas.errors import UNREADABLE
from schemas.good_examples import EXAMPLES, good_examples
from streams.internal import INTERNAL
from tests.records import uid
from tests.worker import ROOT

FILE = ROOT / "docs" / "asyncapi.yaml"
FOUND: Any = yaml.safe_load(FILE.read_text(encoding="utf-8"))
MESSAGES = FOUND["components"]["messages"]
# The specification's own schema, version 3.1.0 without ids, as npm's @asyncapi/specs 6.11.1 has it (Apache 2.0).
SPECIFICATION = Draft7Validator(orjson.loads(Path(__file__).with_name("asyncapi-3.1.0.schema.json").read_bytes()))
ONLY_TEXT_SAYS_SO = ("-twice", "-nan", "not-json")
"""What is wrong with these examples a parser of JSON would not let through, or not show."""


def bad_examples() -> list[Path]:
    """Those of a known type whose fields are wrong."""
    found = (path for path in EXAMPLES.glob("*/bad/*.invalid.json") if f"{path.parts[-3]}_json" in MESSAGES)
    return sorted(path for path in found if not any(word in path.name for word in ONLY_TEXT_SAYS_SO))


def carried(channel: str) -> set[str]:
    """The records that a channel has messages for."""
    return {name.removesuffix("_json") for name in FOUND["channels"][channel]["messages"]}


def sample(name: str) -> dict[str, Any]:
    """The fields of a record's example."""
    return dict(decode(orjson.dumps(next(iter(good_examples(name).values())))).fields)


def key_form(name: str) -> str:
    """The pattern of a message's record key."""
    return str(MESSAGES[name]["bindings"]["kafka"]["key"]["pattern"])


def test_the_file_is_what_the_code_gives() -> None:
    """`make docs` would change nothing, and the environment has no part in it."""
    assert FILE.read_text(encoding="utf-8") == description()
    assert orjson.loads(description(as_json=True)) == FOUND


def test_it_is_asyncapi() -> None:
    """By the specification's own schema, with every reference found; a wrong binding would not pass."""
    assert [str(error) for error in SPECIFICATION.iter_errors(FOUND)] == []
    broken = copy.deepcopy(FOUND)
    broken["channels"]["events"]["bindings"]["kafka"]["partitions"] = "8"
    assert not SPECIFICATION.is_valid(broken)
    for reference in re.findall(r"\$ref: '?#/([^'\n]+)", FILE.read_text(encoding="utf-8")):
        found = FOUND
        for name in reference.split("/"):
            found = found[name]


def test_every_record_is_on_its_topic() -> None:
    """Each in both forms, the service's own nowhere."""
    clients = set(PUBLISHED.commands) - INTERNAL
    assert carried("commands") | carried("privacyCommands") == clients
    assert carried("commands").isdisjoint(carried("privacyCommands"))
    assert carried("events") == {*PUBLISHED.events, "Tombstone"}
    assert carried("rejections") == {"CommandRejected"}
    assert carried("deadLetter") == {"DeadLetter"}
    both = clients | set(PUBLISHED.events) | {"CommandRejected"}
    assert set(MESSAGES) == both | {f"{name}_json" for name in both} | {"Tombstone", "DeadLetter"}


def test_every_topic_has_its_settings() -> None:
    """Partitions, replicas and configuration are those that `chat topics apply` makes."""
    settings = Settings.model_construct(topic_partitions=24, topic_replication=3, topic_min_isr=2)
    channels = {one["address"]: one["bindings"]["kafka"] for one in document(settings)["channels"].values()}
    assert list(channels) == [spec.topic for spec in specs(settings)]
    for spec in specs(settings):
        found = channels[spec.topic]
        said = found["topicConfiguration"]
        assert {name: ",".join(one) if isinstance(one, list) else str(one) for name, one in said.items()} == spec.config
        assert (found["partitions"], found["replicas"]) == (24, 3)


def test_every_code_is_said() -> None:
    """Those of refusals and those of dead letters, in the order of the checks, and as the values of their fields."""
    said = {
        name: re.findall(r"^- `(\w+)`", one["description"], re.MULTILINE) for name, one in FOUND["operations"].items()
    }
    assert said["refuseCommands"] == list(Code)
    assert said["setDeadLettersAside"] == list(UNREADABLE)
    assert MESSAGES["CommandRejected_json"]["payload"]["properties"]["code"]["enum"] == list(Code)
    assert MESSAGES["DeadLetter"]["headers"]["properties"]["x-error-code"]["enum"] == list(UNREADABLE)


def test_an_avro_message_is_the_published_schema() -> None:
    """With the ten bytes that its values begin with."""
    for name, version in PUBLISHED.newest.items():
        if name not in INTERNAL:
            assert MESSAGES[name]["payload"]["schema"] == version.schema
            assert encode(name, sample(name)).hex().startswith(MESSAGES[name]["x-value-begins-with"])


def test_commands_need_a_token_and_nothing_else_has_one() -> None:
    """The header that must not go further is asked for on commands alone."""
    for name, message in MESSAGES.items():
        is_command = name.removesuffix("_json") in PUBLISHED.commands
        headers = message.get("headers", {})
        assert ("authorization" in headers.get("required", [])) is is_command, name
        assert ("authorization" in headers.get("properties", {})) is is_command, name


def test_good_examples_fit_their_schema() -> None:
    """Every one of them is in the description, and in the form that it describes."""
    for name, message in MESSAGES.items():
        if name.endswith("_json"):
            fits = Draft7Validator(message["payload"])
            assert [one["name"] for one in message["examples"]]
            assert [str(error) for one in message["examples"] for error in fits.iter_errors(one["payload"])] == []


@pytest.mark.parametrize("path", bad_examples(), ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_a_bad_example_fits_no_schema(path: Path) -> None:
    """What the codec refuses the described form refuses."""
    assert not Draft7Validator(MESSAGES[f"{path.parts[-3]}_json"]["payload"]).is_valid(orjson.loads(path.read_bytes()))


def test_keys_are_described_as_they_are_made() -> None:
    """A key of each kind fits its own message's pattern, and a tombstone's where it may have one."""
    cause = Cause("school", "ada", uid(1, 1), 0)
    read = thread_read(cause, uid(1, 2), "ada", 1)
    keys = {
        "CreateThread": cause.key(),
        "CommandRejected": cause.key(),
        read.type: read.key,
        "CHAT_THREAD_CREATED": cause.key(uid(1, 2)),
        "CHAT_MESSAGE_UPDATED": cause.key(uid(1, 2), uid(1, 3)),
        "CHAT_PRIVACY_EXPORT_FAILED": cause.key("privacy", uid(1, 2)),
    }
    for name, key in keys.items():
        fitting = {other for other in keys if re.search(key_form(other), key)}
        assert fitting == {other for other in keys if keys[other] == key}, name
        mortal = name.startswith("CHAT_") and "PRIVACY" not in name
        assert bool(re.search(key_form("Tombstone"), key)) is mortal, name
