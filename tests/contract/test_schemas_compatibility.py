"""Readers of one version read the other's data, both ways; and a change that breaks them is seen."""

import copy
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pytest

from schemas import PUBLISHED, Record, Registry, decode, encode, load
from schemas.compatibility import conflicts

Schema = dict[str, Any]
PAIRS = [(older, newer) for older, newer in itertools.combinations(PUBLISHED.versions, 2) if older.name == newer.name]
FIELDS = {
    "command_id": "c",
    "tenant_id": "t",
    "learner_id": "l",
    "thread_id": "th",
    "message_id": "m",
    "content": "Hello",
    "message_type": "audio",
    "reply_to": "r",
    "metadata": "{}",
}


def changed(change: Callable[[Schema], None]) -> Schema:
    """PostMessage with a change made to it."""
    schema: Schema = copy.deepcopy(PUBLISHED.newest["PostMessage"].schema)
    change(schema)
    return schema


def field(schema: Schema, name: str) -> Schema:
    found: Schema = next(one for one in schema["fields"] if one["name"] == name)
    return found


def add_optional(schema: Schema) -> None:
    schema["fields"].append({"name": "mood", "type": ["null", "string"], "default": None})


def add_required(schema: Schema) -> None:
    schema["fields"].append({"name": "mood", "type": "string"})


def drop_required(schema: Schema) -> None:
    schema["fields"].remove(field(schema, "content"))


def drop_optional(schema: Schema) -> None:
    schema["fields"].remove(field(schema, "reply_to"))


def rename(schema: Schema) -> None:
    field(schema, "content")["name"] = "text"


def reorder(schema: Schema) -> None:
    schema["fields"].reverse()


def retype(schema: Schema) -> None:
    field(schema, "content")["type"] = "long"


def reword_record(schema: Schema) -> None:
    schema["name"] = "Post"


def allow_null(schema: Schema) -> None:
    field(schema, "content")["type"] = ["null", "string"]


def add_word(schema: Schema) -> None:
    field(schema, "message_type")["type"]["symbols"].append("sticker")


def add_word_without_default(schema: Schema) -> None:
    add_word(schema)
    del field(schema, "message_type")["type"]["default"]


def drop_word_without_default(schema: Schema) -> None:
    field(schema, "message_type")["type"]["symbols"].remove("audio")
    del field(schema, "message_type")["type"]["default"]


def rename_enum(schema: Schema) -> None:
    field(schema, "message_type")["type"]["name"] = "Kind"


def nest(schema: Schema) -> None:
    inner = {"type": "record", "name": "Words", "fields": [{"name": "text", "type": "string"}]}
    field(schema, "content")["type"] = inner


HARMLESS = [add_optional, drop_optional, reorder, add_word]
NEW_READER_FAILS = [add_required, rename, retype, reword_record, drop_word_without_default, rename_enum, nest]
OLD_READER_FAILS = [drop_required, rename, retype, reword_record, allow_null, rename_enum, nest]


def test_published_versions_read_each_other() -> None:
    """Each version's reader reads every other version's data of the same record."""
    assert [
        (pair, conflicts(a.schema, b.schema))
        for pair in PAIRS
        for a, b in (pair, pair[::-1])
        if conflicts(a.schema, b.schema)
    ] == []


@pytest.mark.parametrize("change", HARMLESS)
def test_a_harmless_change_breaks_nobody(change: Callable[[Schema], None]) -> None:
    """New and old readers both read what the other's writer wrote, and fastavro does it."""
    old, new = PUBLISHED.newest["PostMessage"].schema, changed(change)
    for reader, writer in ((new, old), (old, new)):
        assert conflicts(reader, writer) == []
        assert read_by_fastavro(reader, writer)["thread_id"] == "th"


@pytest.mark.parametrize("change", NEW_READER_FAILS)
def test_a_change_that_breaks_new_readers_is_seen(change: Callable[[Schema], None]) -> None:
    """A new reader that could not read old data is a conflict."""
    assert conflicts(changed(change), PUBLISHED.newest["PostMessage"].schema)


@pytest.mark.parametrize("change", OLD_READER_FAILS)
def test_a_change_that_breaks_old_readers_is_seen(change: Callable[[Schema], None]) -> None:
    """An old reader that could not read new data is a conflict."""
    assert conflicts(PUBLISHED.newest["PostMessage"].schema, changed(change))


@pytest.mark.parametrize("change", [add_required, rename, retype, drop_word_without_default, nest])
def test_fastavro_fails_where_a_conflict_is_seen(change: Callable[[Schema], None]) -> None:
    """What is called a conflict does stop a reader of another implementation."""
    with pytest.raises((fastavro.read.SchemaResolutionError, IndexError, ValueError)):
        read_by_fastavro(changed(change), PUBLISHED.newest["PostMessage"].schema)


def test_a_changed_logical_type_is_a_conflict() -> None:
    """A number that begins to mean something else is a conflict, though its bytes are read."""
    old = PUBLISHED.newest["CommandRejected"].schema
    new = copy.deepcopy(old)
    field(new, "timestamp")["type"]["logicalType"] = "timestamp-micros"
    assert conflicts(new, old) == [".timestamp: logicalType changed"]


def test_a_change_inside_data_is_seen() -> None:
    """A conflict in an event's nested record is found and named by its path."""
    old = PUBLISHED.newest["CHAT_THREAD_READ"].schema
    new = copy.deepcopy(old)
    field(new, "data")["type"]["fields"].append({"name": "device", "type": "string"})
    assert conflicts(new, old) == [".data.device: is not written and has no default"]


def test_an_int_may_become_a_long_for_new_readers_only() -> None:
    """A new reader takes the shorter number; an old one cannot take the longer."""
    old = PUBLISHED.newest["CommandRejected"].schema
    new = copy.deepcopy(old)
    field(new, "partition")["type"] = "long"
    assert conflicts(new, old) == []
    assert conflicts(old, new) == [".partition: long became int"]


def test_an_older_writer_s_record_comes_out_as_the_newest(tmp_path: Path) -> None:
    """What the first version's writer wrote has the second version's fields: new ones by default, no dropped ones."""
    first, both = upgraded(tmp_path)
    written = encode("PostMessage", FIELDS, registry=first)
    expected = {name: value for name, value in FIELDS.items() if name != "reply_to"} | {"mood": None}
    assert decode(written, both) == Record("PostMessage", expected | {"message_type": "text"})


def test_the_newest_writer_s_record_is_of_the_newest_schema(tmp_path: Path) -> None:
    """With two versions known, the second is written, and read back whole."""
    _, both = upgraded(tmp_path)
    kept = {name: value for name, value in FIELDS.items() if name != "reply_to"}
    fields = kept | {"mood": "glad", "message_type": "text"}
    written = encode("PostMessage", fields, registry=both)
    assert written.startswith(both.newest["PostMessage"].header)
    assert decode(written, both) == Record("PostMessage", fields)


def upgraded(folder: Path) -> tuple[Registry, Registry]:
    """A registry of one version of PostMessage, and one of two: a field more, a field less, a word less."""

    def change(schema: Schema) -> None:
        add_optional(schema)
        drop_optional(schema)
        field(schema, "message_type")["type"]["symbols"].remove("audio")

    (folder / "PostMessage").mkdir()
    (folder / "PostMessage" / "v1.avsc").write_text(json.dumps(PUBLISHED.newest["PostMessage"].schema))
    first = load(folder)
    (folder / "PostMessage" / "v2.avsc").write_text(json.dumps(changed(change)))
    return first, load(folder)


def read_by_fastavro(reader: Schema, writer: Schema) -> dict[str, Any]:
    """FIELDS as another implementation's reader resolves them."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, writer, FIELDS)
    out.seek(0)
    found: dict[str, Any] = fastavro.schemaless_reader(out, writer, reader)
    return found
