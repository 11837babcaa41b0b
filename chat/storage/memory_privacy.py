"""The `RequestStore` and `RequestHistory` in a process's memory, for tests that do no I/O."""

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from chat.domain.model import Learner
from chat.domain.privacy import Kind, Request, RequestKey, State
from chat.privacy.subject import Subjects
from chat.storage.privacy_store import AUDIT_LIMIT, PAGE, Entry, ListedAt, Noted, NotedAt, OpenRequest, shard_of


class Lease(NamedTuple):
    """Who has a request, and until when by the clock."""

    holder: str
    until: float


class MemoryRequests:
    """Every table as a dictionary. `clock` tells seconds, for leases."""

    def __init__(self, subjects: Subjects, clock: Callable[[], float] = monotonic) -> None:
        self.kept: dict[RequestKey, Request] = {}
        self.leases: dict[RequestKey, Lease] = {}
        self.open: dict[RequestKey, OpenRequest] = {}
        self.entries: dict[str, Entry] = {}
        self._by_command: dict[tuple[bytes, str], RequestKey] = {}
        self._listed: set[RequestKey] = set()
        self._closed: set[RequestKey] = set()
        self._subjects = subjects
        self._clock = clock

    async def find(self, key: RequestKey) -> Request | None:
        return self.kept.get(key)

    async def find_command(self, subject: bytes, command_id: str) -> Request | None:
        found = self.kept.get(self._by_command.get((subject, command_id), RequestKey("", "")))
        return found if found is not None and (found.subject, found.command_id) == (subject, command_id) else None

    async def accept(self, request: Request) -> Request:
        self._by_command[request.subject, request.command_id] = request.key
        return self.kept.setdefault(request.key, request)

    async def enlist(self, request: Request) -> None:
        self._listed.add(request.key)

    async def queue(self, request: Request) -> None:
        if request.key not in self._closed:
            self.open[request.key] = OpenRequest(request.requested_at, request.key, request.kind, request.subject)

    async def unfinished(self, shard: int, after: OpenRequest | None = None) -> list[OpenRequest]:
        there = sorted((one for one in self.open.values() if shard_of(one.subject) == shard), key=lambda one: one.place)
        return [one for one in there if after is None or one.place > after.place][:PAGE]

    async def lease(self, key: RequestKey, holder: str, seconds: int) -> Request | None:
        if key not in self.kept or self._holder(key) is not None:
            return None
        await self._extend(key, holder, seconds)
        return self.kept[key]

    async def renew(self, key: RequestKey, holder: str, seconds: int) -> bool:
        return self._holder(key) == holder and await self._extend(key, holder, seconds)

    async def save(self, request: Request, holder: str) -> bool:
        if self._holder(request.key) != holder:
            return False
        before = self.kept[request.key].updated_at
        if before < request.updated_at:
            self.kept[request.key] = request
        return before <= request.updated_at

    async def close(self, request: Request) -> None:
        kept = self.kept.get(request.key)
        if kept is None or not kept.is_final:
            return
        self.kept[request.key] = kept._replace(learner_id="", headers=(), notes="")
        self.leases.pop(request.key, None)
        self.open.pop(request.key, None)
        self._closed.add(request.key)

    async def note(self, entry: Entry) -> None:
        self.entries[str(entry.id)] = entry

    async def noted(self, entry: Entry) -> str | None:
        noted = self.entries.get(str(entry.id))
        return noted.code if noted else None

    async def subject(self, tenant_id: str, learner_id: str) -> bytes:
        return self._subjects.of(Learner(tenant_id, learner_id))

    async def request(self, key: RequestKey) -> Request | None:
        return self.kept.get(key)

    async def requests(
        self, tenant_id: str, subject: bytes, limit: int, after: ListedAt | None = None
    ) -> list[Request]:
        listed = [self.kept[key] for key in self._listed if key.tenant_id == tenant_id]
        mine = [(ListedAt(one.requested_at, one.key.request_id), one) for one in listed if one.subject == subject]
        behind = [pair for pair in mine if after is None or pair[0] < after]
        return [one for _, one in sorted(behind, key=lambda pair: pair[0], reverse=True)[:limit]]

    async def audit_of(self, request: Request) -> list[Noted]:
        lines = [one for one in self._audit(request.subject) if one.request_id == request.key.request_id]
        return sorted(lines, key=lambda one: (one.at, one.entry))[-AUDIT_LIMIT:]

    async def audit(self, subject: bytes, limit: int, after: NotedAt | None = None) -> list[Noted]:
        lines = sorted(self._audit(subject), key=lambda one: (one.at, one.entry), reverse=True)
        return [one for one in lines if after is None or (one.at, one.entry) < after][:limit]

    def states(self) -> dict[Kind, list[State]]:
        """The states of all requests by their kinds."""
        return {kind: [one.state for one in self.kept.values() if one.kind is kind] for kind in Kind}

    def _audit(self, subject: bytes) -> list[Noted]:
        return [
            Noted(one.at, entry, one.request_id, one.actor, one.action, one.code)
            for entry, one in self.entries.items()
            if one.subject == subject
        ]

    def _holder(self, key: RequestKey) -> str | None:
        lease = self.leases.get(key)
        return None if lease is None or lease.until <= self._clock() else lease.holder

    async def _extend(self, key: RequestKey, holder: str, seconds: int) -> bool:
        self.leases[key] = Lease(holder, self._clock() + seconds)
        return True
