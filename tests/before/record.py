"""What a version writes, as it stands in tables, topics and folders: to be kept, and read by the versions after it.

Run it on the tree of that version: `PYTHONPATH=<tree> python tests/before/record.py tests/before/0007.json`. It uses
nothing but that tree. Keys, ids and times are fixed.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import schemas
from api.cursor import Cursors
from chat.domain.model import LearnerId
from chat.privacy.durable import write_new
from chat.privacy.envelope import DataKey
from chat.privacy.erasure_notes import Notes
from chat.privacy.export.chunk import BundleSeal, Head
from chat.privacy.export.member import Member
from chat.privacy.key_folder import KeyFolder
from chat.privacy.receipt import FIRST, ReceiptKey, digest
from chat.privacy.sealed_command import CommandKey
from chat.privacy.sealed_letter import Content, LetterKey
from chat.storage.memory import MemoryStore
from tests.records import SEAL, Log, teacher, uid
from tests.way import World

EPOCH = "20260115"
KEY, LIFE = b"k" * 32, LearnerId("tenant-1", "learner-1", 1)
PUBLIC = "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"
"""The public half of the private key of the bytes 0, 1, 2 … 31."""


def log() -> Log:
    """Every command that changes something, in Avro, and records of the service's own."""
    made, thread, gone = Log(), uid(1, 1), uid(1, 2)
    commands: list[tuple[str, dict[str, Any]]] = [
        ("CreateThread", {"thread_id": thread, "title": "Brüche", "metadata": '{"grade":5}'}),
        ("CreateThread", {"thread_id": gone, "title": "Fractions"}),
        ("PostMessage", {"thread_id": thread, "message_id": uid(2, 1), "content": "½ + ¼ = ?"}),
        ("PostMessage", {"thread_id": thread, "message_id": uid(2, 2), "content": "¾", "reply_to": uid(2, 1)}),
        ("PostMessage", {"thread_id": gone, "message_id": uid(2, 3), "content": "gone"}),
        ("UpdateThread", {"thread_id": thread, "title": "Fractions"}),
        ("EditMessage", {"thread_id": thread, "message_id": uid(2, 1), "content": "½ + ½ = ?"}),
        ("DeleteMessage", {"thread_id": thread, "message_id": uid(2, 2)}),
        ("MarkRead", {"thread_id": thread, "seq": 1}),
        ("MarkRead", {"thread_id": gone, "seq": 1}),
        ("PostMessage", {"thread_id": uid(1, 9), "message_id": uid(2, 9), "content": "nowhere"}),
    ]
    for number, (name, fields) in enumerate(commands, start=1):
        send(made, name, number, fields)
    sealed = {"thread_id": gone, "tenant_id": "tenant-1", "learner_id": "learner-1", "command_id": uid(3, 90)}
    active_at = made.records[4].timestamp  # of the last that was done to it
    value = schemas.encode("ExpireThread", sealed | {"active_at": active_at})
    made.append(value, made.records[0].key, made.records[0].partition, (SEAL.header(value),))
    return made


def send(made: Log, name: str, number: int, fields: dict[str, Any]) -> None:
    ids = {"command_id": uid(3, number), "tenant_id": "tenant-1", "learner_id": "learner-1"}
    value = schemas.encode(name, ids | fields)
    placed = made.send("MarkRead", thread_id=uid(1, 1), seq=1)  # for its key and partition
    made.records.pop()
    made.append(value, placed.key, placed.partition, (("authorization", b"Bearer " + teacher("tenant-1").encode()),))


def state(store: MemoryStore) -> dict[str, list[Any]]:
    """The tables' rows: key, value, write time."""
    tables = ("messages", "commands", "threads", "seqs", "marks", "listed")
    return {name: [[key, row.value, row.time] for key, row in sorted(getattr(store, name).items())] for name in tables}


def keys_in(folder: Path) -> Path:
    """A folder of key-encryption keys: one, of the epoch `EPOCH`."""
    folder.mkdir(mode=0o700)
    write_new(folder / f"{EPOCH}.key", KEY)
    return folder


async def sealed(folder: Path) -> dict[str, Any]:
    """What lies in tables, topics and folders under a key or a signature."""
    members = (Member("messages.jsonl", "application/jsonl", 3, 5, 7, "ab"),)
    head = Head(members, {"messages": 1}, after=("a", 1), ends=True, read_from=1, read_to=2)

    async def secret() -> bytes:
        return KEY

    receipts = ReceiptKey(KEY)
    first = receipts.sign({"number": 1, "previous": FIRST, "tenant_id": "tenant-1"})
    return {
        "wrapped": await KeyFolder(folder).wrap(EPOCH, b"d" * 32, "bound"),
        "cell": DataKey(KEY, 1, LIFE).seal("¾", "content", uid(1, 1), uid(2, 1)),
        "letter": LetterKey(KEY, "2026-01-15").seal(Content(b"junk", [("x", b"y")]), "chat.commands/0/1"),
        "command": CommandKey.from_bytes(bytes.fromhex(PUBLIC)).seal(b"{}", "chat.commands", b"tenant-1/learner-1"),
        "chunk": BundleSeal("bundle", KEY).seal("messages", head, b"body"),
        "cursor": await Cursors(secret).seal(("threads", "tenant-1", "learner-1"), [1, uid(1, 1)]),
        "receipts": [first, receipts.sign({"number": 2, "previous": digest(first), "tenant_id": "tenant-1"})],
        "notes": Notes(1, 2, 3, 4, 5, 6, 7, 8, {"check": 9}, "draft").text(),
    }


def plain(value: Any) -> Any:
    """Bytes as JSON can hold them."""
    return f"0x{value.hex()}"


def main() -> None:
    records, world = log().records, World()
    world.run(records)
    said = {
        f"{topic}/{at}": [[one.key, one.value] for one in out] for (topic, at), out in world.publisher.topics.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        kept = asyncio.run(sealed(keys_in(Path(folder) / "keys")))
    kept |= {"records": [vars(one) for one in records], "said": said, "state": state(world.store)}
    text = json.dumps(kept, default=plain, indent=1, ensure_ascii=False)
    Path(sys.argv[1]).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
