"""The privacy requests of a Cassandra that may not be there yet, as `api.late_history` is its history."""

from collections.abc import Callable

from chat.domain.privacy import Request, RequestKey
from chat.storage.privacy_store import Entry, ListedAt, Noted, NotedAt, RequestHistory


class LateRequests:
    """A `RequestHistory` over what `opened` gives, which raises `StorageUnavailable` as long as that is nothing."""

    def __init__(self, opened: Callable[[], RequestHistory]) -> None:
        self._opened = opened

    async def subject(self, tenant_id: str, learner_id: str) -> bytes:
        return await self._opened().subject(tenant_id, learner_id)

    async def request(self, key: RequestKey) -> Request | None:
        return await self._opened().request(key)

    async def requests(
        self, tenant_id: str, subject: bytes, limit: int, after: ListedAt | None = None
    ) -> list[Request]:
        return await self._opened().requests(tenant_id, subject, limit, after)

    async def audit_of(self, request: Request) -> list[Noted]:
        return await self._opened().audit_of(request)

    async def note(self, entry: Entry) -> None:
        await self._opened().note(entry)

    async def audit(self, subject: bytes, limit: int, after: NotedAt | None = None) -> list[Noted]:
        return await self._opened().audit(subject, limit, after)
