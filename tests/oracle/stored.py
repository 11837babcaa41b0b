"""Whether the tables hold exactly what the applied commands wrote, write times included."""

from collections import defaultdict
from collections.abc import Iterator, KeysView, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.oracle.cells import Cells
from tests.oracle.findings import Finding
from tests.oracle.model import Model
from tests.oracle.outcomes import differing
from tests.oracle.state import Mark, Thread
from tests.oracle.tables import Row

FIRST_EPOCH = 1 << 48
"""What stands above the offsets of a topic that was never made anew: bare ones would mean nothing in the next one."""
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
    yield from _marks(model, dump["read_marks"])


def owners(rows: Sequence[Row]) -> dict[Key, str]:
    """Whose each thread id is; of the erased it is not known any more."""
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
        wanted = thread.kept if thread else []
        seqs = [row["seq"] for row in found]
        if seqs != list(range(1, len(wanted) + 1)):
            yield Finding("seq", f"thread {key[1]} holds {_short(seqs)}, expected is 1…{len(wanted)}")
        elif thread:
            yield from _rows(thread, found, cells)


def _rows(thread: Thread, found: Sequence[Row], cells: Cells) -> Iterator[Finding]:
    for row, wanted in zip(found, thread.kept, strict=True):
        texts = {"message_id": str(row["message_id"]), "reply_to": row["reply_to"] and str(row["reply_to"])}
        opened = {name: cells.open(row, name) for name in ("content", "metadata")}
        times = {name: _millis(row[name]) for name in ("created_at", "updated_at", "deleted_at")}
        shown = row | texts | opened | times | {"thread_id": str(row["thread_id"])}
        expected = {**wanted.data, "bucket": (row["seq"] - 1) // 500, "wt_metadata": wanted.write_time}
        problem = differing(expected, shown)
        if problem:
            yield Finding("row", f"messages {wanted.data['message_id']}: {problem}")


def _log(model: Model, rows: Sequence[Row]) -> Iterator[Finding]:
    heads: dict[Key, Row] = {}
    seqs: defaultdict[Key, dict[str, int]] = defaultdict(dict)
    for row in rows:
        heads[_thread_key(row)] = row
        if row["message_id"] is not None:
            seqs[_thread_key(row)][str(row["message_id"])] = row["seq"]
    there = {key: thread for key, thread in model.threads.items() if not thread.erased}
    yield from _same("thread_log", there.keys(), heads.keys())
    for key, thread in there.items():
        wanted = {"last_seq": len(thread.messages), "write_time": thread.write_time}
        wanted["status"] = 2 if thread.deleted else 1
        row = dict(heads.get(key, {}))
        wanted |= {"position": FIRST_EPOCH + thread.offset, "wt_last_seq": thread.write_time}
        problem = differing(wanted, row)
        if seqs[key] != {one.data["message_id"]: one.data["seq"] for one in thread.kept}:
            problem += "; other message ids"
        if problem:
            yield Finding("row", f"thread_log {key[1]}: {problem}")


def _listed(model: Model, rows: Sequence[Row], cells: Cells) -> Iterator[Finding]:
    found = {_thread_key(row): row for row in rows}
    living = {key: thread for key, thread in model.threads.items() if not thread.deleted}
    yield from _same("threads", living.keys(), found.keys())
    for key, thread in living.items():
        row = dict(found.get(key, {}))
        if row:
            row |= {name: cells.open(row, name) for name in ("title", "metadata")}
            row |= {name: _millis(row[name]) for name in ("created_at", "updated_at", "last_activity_at")}
            row["thread_id"] = str(row["thread_id"])
        wanted = {**thread.data, "last_seq": len(thread.messages), "last_activity_at": thread.active_at}
        problem = differing(wanted | {"wt_title": thread.details_time, "wt_last_seq": thread.write_time}, row)
        if problem:
            yield Finding("row", f"threads {key[1]}: {problem}")


def _owners(model: Model, rows: Sequence[Row]) -> Iterator[Finding]:
    wanted = {key: "" if thread.erased else thread.learner[1] for key, thread in model.threads.items()}
    if {key: whose for key, whose in owners(rows).items() if whose or key in wanted} != wanted:
        yield Finding("row", f"thread_owners: {len(rows)} rows, expected are {len(wanted)}, or other learners")


def _commands(model: Model, rows: Sequence[Row]) -> Iterator[Finding]:
    stored = {(row["tenant_id"], row["learner_id"], str(row["command_id"])): row["position"] for row in rows}
    wanted = {key: FIRST_EPOCH + one.logged.offset for key, one in model.applied.items()}
    for key in stored.keys() | wanted.keys():
        if stored.get(key) != wanted.get(key):
            yield Finding("row", f"commands {key[2]}: at {stored.get(key)}, expected is {wanted.get(key)}")


def _marks(model: Model, rows: Sequence[Row]) -> Iterator[Finding]:
    stored = {(*_thread_key(row), row["user_id"]): Mark(row["seq"], row["wt_seq"]) for row in rows}
    wanted = {
        (*key, reader): mark
        for key, thread in model.threads.items()
        if not thread.deleted
        for reader, mark in thread.marks.items()
    }
    for key in stored.keys() | wanted.keys():
        if stored.get(key) != wanted.get(key):
            yield Finding("row", f"read_marks {key[1:]}: {stored.get(key)}, expected is {wanted.get(key)}")


def _same(table: str, wanted: KeysView[Key], found: KeysView[Key]) -> Iterator[Finding]:
    for key in found ^ wanted:
        yield Finding("row", f"{table}: thread {key[1]} is {'there' if key in found else 'missing'}")


def _millis(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.replace(tzinfo=UTC).timestamp() * 1000)


def _short(seqs: Sequence[int]) -> str:
    return f"{list(seqs)[:5]} … {len(seqs)} rows, the last is {seqs[-1] if seqs else None}"
