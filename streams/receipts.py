"""Issues the receipt of an erasure: once, whatever dies in between.

The receipt is drafted and kept in the request's notes before it is put into the chain. So whoever comes after a death
finds the draft, and sees in the chain whether it got its place; if another receipt has it, a new one is drafted.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chat.domain.privacy import Request
from chat.privacy.bounds import Bounds
from chat.privacy.erasure_notes import Notes
from chat.privacy.job import Save
from chat.privacy.ledger import Ledger
from chat.privacy.receipt import FIRST, ReceiptKey, digest
from chat.storage import learner_keys
from chat.storage.erasure_store import Link, ReceiptChain
from schemas.timestamps import to_text

STAYS = (
    "in Kafka, ids in the keys of tombstones, for 7 days after compaction",
    "in Kafka, ids in commands, refusals and privacy requests, until their topics' retention",
    "thread ids, so that they stay taken, without whose they were",
    "this receipt, the request and its audit, under a keyed hash of the learner",
)


@dataclass(frozen=True, slots=True)
class Receipts:
    """`sealed`: whether all words ever written here are. `ledger`: where a receipt is kept outside Cassandra."""

    chain: ReceiptChain
    key: ReceiptKey
    bounds: Bounds
    sealed: Callable[[], Awaitable[bool]]
    ledger: Ledger

    async def issue(self, request: Request, notes: Notes, save: Save) -> str:
        """The receipt, signed and in its place."""
        tenant_id = request.key.tenant_id
        while True:
            if not notes.draft:
                notes = notes._replace(draft=await self._draft(request, notes))
                await save(notes.text())
            link = Link(_number(notes.draft), request.key.request_id, notes.draft)
            if (await self.chain.add(tenant_id, link)).request_id == link.request_id:
                await self.ledger.add(tenant_id, link.number, link.document)
                return notes.draft
            notes = notes._replace(draft="")

    async def _draft(self, request: Request, notes: Notes) -> str:
        last = await self.chain.last(request.key.tenant_id)
        body = self._body(request, notes, sealed=await self.sealed())
        before = (0, FIRST) if last is None else (last.number, digest(last.document))
        return self.key.sign(body | {"number": before[0] + 1, "previous": before[1]})

    def _body(self, request: Request, notes: Notes, *, sealed: bool) -> dict[str, Any]:
        gone = self._gone(notes)
        return {
            "version": 1,
            "request_id": request.key.request_id,
            "tenant_id": request.key.tenant_id,
            "subject": request.subject.hex(),
            "generation": notes.generation,
            "reason": request.reason,
            "requested_at": to_text(request.requested_at),
            "steps": {step: to_text(time) for step, time in notes.times.items()},
            "fence": notes.fence,
            "counts": notes.counted(),
            "unreadable_since": to_text(_unreadable(notes, gone, sealed=sealed)),
            "bytes_gone_by": {place: to_text(time) for place, time in gone.items()},
            "bounds_ms": {place: dict(parts) for place, parts in self.bounds._asdict().items()},
            "stays": list(STAYS),
        }

    def _gone(self, notes: Notes) -> dict[str, int]:
        """When each place holds nothing any more. Behind the fence no command of the learner's is applied."""
        since = {"commands": notes.times["drain"]}
        swept = notes.times["sweep"]
        return {place: since.get(place, swept) + sum(parts.values()) for place, parts in self.bounds._asdict().items()}


def _unreadable(notes: Notes, gone: Mapping[str, int], *, sealed: bool) -> int:
    """Once no process has the key in memory, or, where some words may lie unsealed, the bytes are gone.

    Bundles have keys of their own: where there were any, not before they went.
    """
    kept_until = notes.times["destroy"] + int(1000 * learner_keys.KEPT_SECONDS)
    words = kept_until if sealed else max(gone.values())
    return max(words, notes.times["exports"]) if notes.bundles else words


def _number(document: str) -> int:
    return int(json.loads(document)["body"]["number"])
