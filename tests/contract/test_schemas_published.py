"""What is published stays: the contract's records, their order of fields, their fingerprints."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastavro.schema import fingerprint as fastavro_fingerprint
from fastavro.schema import to_parsing_canonical_form

from schemas import PUBLISHED, SchemaError, Version, export, load
from schemas.canonical import canonical_form, fingerprint
from schemas.publish import entries, publish, published

IDS = ("command_id", "tenant_id", "learner_id")
COMMANDS = {
    "CreateThread": (*IDS, "thread_id", "title", "metadata"),
    "UpdateThread": (*IDS, "thread_id", "title", "metadata"),
    "DeleteThread": (*IDS, "thread_id"),
    "PostMessage": (*IDS, "thread_id", "message_id", "content", "message_type", "reply_to", "metadata"),
    "EditMessage": (*IDS, "thread_id", "message_id", "content", "metadata"),
    "DeleteMessage": (*IDS, "thread_id", "message_id"),
    "MarkRead": (*IDS, "thread_id", "seq"),
    "ExportLearnerData": (*IDS, "request_id", "reason"),
    "DeleteLearnerData": (*IDS, "request_id", "reason"),
    "EnrolLearner": (*IDS, "request_id"),
}
INTERNAL = {
    "ExpireThread": (*IDS, "thread_id", "active_at"),
    "FenceLearner": (*IDS, "request_id", "generation"),
}
REFUSAL = (*IDS, "code", "detail", "event_id", "topic", "partition", "offset", "timestamp")
EVENT = ("event_id", "event_type", "tenant_id", "learner_id", "timestamp", "command_id", "data")
THREAD = ("thread_id", "title", "metadata", "created_by", "created_at", "updated_at")
MESSAGE = (
    *("message_id", "thread_id", "sender_id", "content", "message_type", "seq", "reply_to", "metadata"),
    *("created_at", "updated_at"),
)
PRIVACY = ("request_id", "state", "reason_code")
DATA = {
    "CHAT_THREAD_CREATED": THREAD,
    "CHAT_THREAD_UPDATED": THREAD,
    "CHAT_THREAD_DELETED": ("thread_id", "deleted_by"),
    "CHAT_THREAD_READ": ("thread_id", "user_id", "seq"),
    "CHAT_MESSAGE_CREATED": MESSAGE,
    "CHAT_MESSAGE_UPDATED": MESSAGE,
    "CHAT_MESSAGE_DELETED": ("message_id", "thread_id", "seq", "deleted_by"),
    "CHAT_PRIVACY_EXPORT_REQUESTED": PRIVACY,
    "CHAT_PRIVACY_EXPORT_COMPLETED": PRIVACY,
    "CHAT_PRIVACY_EXPORT_FAILED": PRIVACY,
    "CHAT_PRIVACY_DELETION_REQUESTED": PRIVACY,
    "CHAT_PRIVACY_DELETION_COMPLETED": PRIVACY,
    "CHAT_PRIVACY_DELETION_FAILED": PRIVACY,
    "CHAT_PRIVACY_LEARNER_ENROLLED": PRIVACY,
}


def first(name: str) -> dict[str, Any]:
    return next(one.schema for one in PUBLISHED.versions if (one.name, one.number) == (name, 1))


def order(schema: dict[str, Any]) -> tuple[str, ...]:
    return tuple(field["name"] for field in schema["fields"])


def put(folder: Path, name: str, number: int, schema: dict[str, Any]) -> None:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / f"v{number}.avsc").write_text(json.dumps(schema), encoding="utf-8")


def test_commands_are_those_of_the_contract() -> None:
    """The first version of every command has the contract's fields in the contract's order; the service has its own."""
    assert {name: order(first(name)) for name in PUBLISHED.commands} == COMMANDS | INTERNAL


def test_events_are_those_of_the_contract() -> None:
    """The first version of every event has the contract's fields, and in `data` those of its type."""
    assert {order(first(name)) for name in PUBLISHED.events} == {EVENT}
    assert {name: order(first(name)["fields"][-1]["type"]) for name in PUBLISHED.events} == DATA


def test_a_refusal_is_neither_command_nor_event() -> None:
    """CommandRejected is the one record beside commands and events, with the contract's fields."""
    assert set(PUBLISHED.newest) - set(PUBLISHED.commands) - set(PUBLISHED.events) == {"CommandRejected"}
    assert order(first("CommandRejected")) == REFUSAL


def test_all_names_are_in_the_namespace() -> None:
    """Every record's full name begins with the contract's namespace."""
    assert {one.schema["namespace"] for one in PUBLISHED.versions} == {"aivo.chat.v1"}


@pytest.mark.parametrize("version", PUBLISHED.versions, ids=lambda one: f"{one.name}-v{one.number}")
def test_ids_stand_behind_strings_and_longs_only(version: Version) -> None:
    """Every record's three ids can be read from a datum whose other fields are broken."""
    names = order(version.schema)
    front = version.schema["fields"][: max(map(names.index, IDS)) + 1]
    types = [field["type"]["type"] if isinstance(field["type"], dict) else field["type"] for field in front]
    assert set(types) <= {"string", "long"}


def test_what_may_be_null_is_null_by_default() -> None:
    """Every union is null or one other type, and its default is null."""
    fields = [field for one in PUBLISHED.versions for field in fields_of(one.schema)]
    unions = [field for field in fields if isinstance(field["type"], list)]
    assert unions
    assert all(field["type"][0] == "null" and field["default"] is None for field in unions)


def fields_of(schema: dict[str, Any]) -> list[dict[str, Any]]:
    own: list[dict[str, Any]] = schema["fields"]
    nested = [field["type"] for field in own if isinstance(field["type"], dict) and field["type"]["type"] == "record"]
    return own + [field for one in nested for field in fields_of(one)]


def test_published_versions_are_what_they_were() -> None:
    """No listed schema was edited, and no schema is left out: `python -m schemas.publish` lists new ones."""
    assert published() == entries()


@pytest.mark.parametrize("change", ["title", "doc"])
def test_publishing_refuses_an_edited_schema(change: str, tmp_path: Path) -> None:
    """A published file that was changed, even where its fingerprint stays, cannot be published again."""
    listed = tmp_path / "published.json"
    listed.write_text("[]", encoding="utf-8")
    put(tmp_path, "CreateThread", 1, first("CreateThread"))
    publish(load(tmp_path), listed)
    text = (tmp_path / "CreateThread" / "v1.avsc").read_text(encoding="utf-8")
    (tmp_path / "CreateThread" / "v1.avsc").write_text(text.replace(f'"{change}"', f'"{change}_"'), encoding="utf-8")
    with pytest.raises(SchemaError, match="changed after it was published"):
        publish(load(tmp_path), listed)


def test_publishing_adds_a_new_version(tmp_path: Path) -> None:
    """A new version is listed behind the old one, whose line stays."""
    listed = tmp_path / "published.json"
    listed.write_text("[]", encoding="utf-8")
    put(tmp_path, "DeleteThread", 1, first("DeleteThread"))
    publish(load(tmp_path), listed)
    before = published(listed)
    put(tmp_path, "DeleteThread", 2, first("DeleteMessage") | {"name": "DeleteThread"})
    publish(load(tmp_path), listed)
    assert published(listed)[:1] == before
    assert [one["version"] for one in published(listed)] == [1, 2]


def test_two_schemas_of_one_fingerprint_fail(tmp_path: Path) -> None:
    """A second version that differs only in what the fingerprint leaves out is refused when it is loaded."""
    schema = first("CreateThread")
    put(tmp_path, "CreateThread", 1, schema)
    put(tmp_path, "CreateThread", 2, schema | {"doc": "Another word for it."})
    with pytest.raises(SchemaError, match="have one fingerprint"):
        load(tmp_path)


def test_a_folder_without_schemas_fails(tmp_path: Path) -> None:
    """A package that was installed without its schemas says so at import, not at the first record."""
    with pytest.raises(SchemaError, match="no schemas"):
        load(tmp_path)


def test_a_gap_in_the_versions_fails(tmp_path: Path) -> None:
    """A second version without a first is refused when it is loaded."""
    put(tmp_path, "CreateThread", 2, first("CreateThread"))
    with pytest.raises(SchemaError, match="does not follow"):
        load(tmp_path)


def test_a_schema_in_another_record_s_folder_fails(tmp_path: Path) -> None:
    """A file whose record has not its folder's name is refused when it is loaded."""
    put(tmp_path, "MarkRead", 1, first("CreateThread"))
    with pytest.raises(SchemaError, match="names another record"):
        load(tmp_path)


def test_a_type_that_the_codec_does_not_know_fails(tmp_path: Path) -> None:
    """A schema with a type that cannot be decoded here is refused when it is loaded."""
    extra = {"name": "weight", "type": "double"}
    schema = first("CreateThread")
    put(tmp_path, "CreateThread", 1, schema | {"fields": [*schema["fields"], extra]})
    with pytest.raises(ValueError, match="not"):
        load(tmp_path)


@pytest.mark.parametrize("version", PUBLISHED.versions, ids=lambda one: f"{one.name}-v{one.number}")
def test_canonical_form_and_fingerprint_are_fastavro_s(version: Version) -> None:
    """A second implementation of the specification gives the same form and the same fingerprint."""
    form = to_parsing_canonical_form(version.schema)
    assert canonical_form(version.schema) == form
    assert version.fingerprint.hex() == fastavro_fingerprint(form, "CRC-64-AVRO")


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ("null", 7195948357588979594),
        ("boolean", -6970731678124411036),
        ("int", 8247732601305521295),
        ({"type": "long"}, -3434872931120570953),
        ("string", -8142146995180207161),
        (["int"], -5232228896498058493),
        (["int", "boolean"], 5392556393470105090),
    ],
)
def test_fingerprints_are_those_of_avro_s_own_tests(schema: Any, expected: int) -> None:
    """The fingerprints that Avro's own test data lists come out."""
    assert int.from_bytes(fingerprint(schema), "little", signed=True) == expected


def test_export_writes_every_version(tmp_path: Path) -> None:
    """The exported folder loads as the same registry, and lists the fingerprints."""
    written = export(tmp_path / "out")
    exported = load(tmp_path / "out")
    assert exported.by_fingerprint.keys() == PUBLISHED.by_fingerprint.keys()
    assert published(tmp_path / "out" / "published.json") == entries()
    assert len(written) == len(PUBLISHED.versions) + 1
