"""Whether the tables hold exactly what the applied commands wrote, write times included."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from tests.oracle.cells import Cells
from tests.oracle.findings import Finding
from tests.oracle.model import Model, Thread
from tests.oracle.outcomes import differing
from tests.oracle.tables import Row

EPOCH_SHIFT = 48
Dump = Mapping[str, Sequence[Row]]
Key = tuple[str, str]


def check(model: Model, dump: Dump, key_folder: Path) -> Iterator[Finding]:
    """Compares every table of learners with the model, both ways; wrapped keys open with those of `key_folder`."""
    cells = Cells(dump, key_folder)
    yield from _messages(model, dump["messages"], cells)
    yield from _log(model, dump["thread_log"])
    yield from _listed(model, dump["threads"], cells)
    yield from _owners(model, dump["thread_owners"])
    yield from _commands(model, dump["commands"])


def owners(rows: Sequence[Row]) -> dict[Key, str]:
    """Whose each thread id is."""
    return {_thread_key(row): row["learner_id"] for row in rows}


def _thread_key(row: Row) -> Key:
    return row["tenant_id"], str(row["thread_id"])


def _messages(model: Model, rows: Sequence[Row], cells: Cells) -> Iterator[Finding]:
    stored: defaultdict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        stored[_thread_key(row)].append(row)
    for key in stored.keys() | model.threads.keys():
        found = sorted(stored[key], key=lambda row: row["seq"])
        thread = model.threads.get(key)
        wanted = thread.messages if thread else []
        seqs = [row["seq"] for row in found]
        if seqs != list(range(1, len(wanted) + 1)):
            yield Finding("seq", f"thread {key[1]} holds {_short(seqs)}, expected is 1…{len(wanted)}")
        elif thread:
            yield from _rows(thread, found, cells)


def _rows(thread: Thread, found: Sequence[Row], cells: Cells) -> Iterator[Finding]:
    for row, wanted, write_time in zip(found, thread.messages, thread.write_times, strict=True):
        texts = {"message_id": str(row["message_id"]), "reply_to": row["reply_to"] and str(row["reply_to"])}
        opened = {name: cells.open(row, name) for name in ("content", "metadata")}
        times = {name: _millis(row[name]) for name in ("created_at", "updated_at")}
        shown = row | texts | opened | times | {"thread_id": str(row["thread_id"])}
        expected = {**wanted, "deleted_at": None, "bucket": (row["seq"] - 1) // 500, "wt_content": write_time}
        problem = differing(expected, shown)
        if problem:
            yield Finding("row", f"messages {wanted['message_id']}: {problem}")


def _log(model: Model, rows: Sequence[Row]) -> Iterator[Finding]:
    heads: dict[Key, Row] = {}
    seqs: defaultdict[Key, dict[str, int]] = defaultdict(dict)
    for row in rows:
        heads[_thread_key(row)] = row
        if row["message_id"] is not None:
            seqs[_thread_key(row)][str(row["message_id"])] = row["seq"]
    yield from _same_threads("thread_log", model, heads)
    for key, thread in model.threads.items():
        wanted = {"last_seq": len(thread.messages), "write_time": thread.write_time, "status": 1}
        row = dict(heads.get(key, {}))
        row["offset"] = (row.get("position") or 0) & ((1 << EPOCH_SHIFT) - 1)
        problem = differing({**wanted, "offset": thread.offset, "wt_last_seq": thread.write_time}, row)
        if seqs[key] != {one["message_id"]: one["seq"] for one in thread.messages}:
            problem += "; other message ids"
        if problem:
            yield Finding("row", f"thread_log {key[1]}: {problem}")


def _listed(model: Model, rows: Sequence[Row], cells: Cells) -> Iterator[Finding]:
    found = {_thread_key(row): row for row in rows}
    yield from _same_threads("threads", model, found)
    for key, thread in model.threads.items():
        row = dict(found.get(key, {}))
        if row:
            row |= {name: cells.open(row, name) for name in ("title", "metadata")}
            row |= {name: _millis(row[name]) for name in ("created_at", "updated_at", "last_activity_at")}
            row["thread_id"] = str(row["thread_id"])
        wanted = {**thread.data, "last_seq": len(thread.messages), "last_activity_at": thread.write_time // 1000}
        problem = differing(wanted | {"wt_title": thread.details_time, "wt_last_seq": thread.write_time}, row)
        if problem:
            yield Finding("row", f"threads {key[1]}: {problem}")


def _owners(model: Model, rows: Sequence[Row]) -> Iterator[Finding]:
    wanted = {key: thread.learner[1] for key, thread in model.threads.items()}
    if owners(rows) != wanted:
        yield Finding("row", f"thread_owners: {len(rows)} rows, expected are {len(wanted)}, or other learners")


def _commands(model: Model, rows: Sequence[Row]) -> Iterator[Finding]:
    mask = (1 << EPOCH_SHIFT) - 1
    stored = {(row["tenant_id"], row["learner_id"], str(row["command_id"])): row["position"] & mask for row in rows}
    wanted = {key: one.logged.offset for key, one in model.applied.items()}
    for key in stored.keys() | wanted.keys():
        if stored.get(key) != wanted.get(key):
            yield Finding("row", f"commands {key[2]}: at {stored.get(key)}, expected is {wanted.get(key)}")


def _same_threads(table: str, model: Model, found: Mapping[Key, Any]) -> Iterator[Finding]:
    for key in found.keys() ^ model.threads.keys():
        yield Finding("row", f"{table}: thread {key[1]} is {'there' if key in found else 'missing'}")


def _millis(moment: Any) -> int | None:
    return None if moment is None else round(moment.replace(tzinfo=UTC).timestamp() * 1000)


def _short(seqs: Sequence[int]) -> str:
    return f"{list(seqs)[:5]} … {len(seqs)} rows, the last is {seqs[-1] if seqs else None}"
