"""What privacy requests stand on: the requests themselves, what of them is unfinished, and the audit.

`RequestStore` is what workers change, `RequestHistory` what the read side asks. `chat.storage.cassandra_privacy` has
both in Cassandra, `chat.storage.memory_privacy` in a process's memory; one test suite is run against both.
"""

import uuid
from typing import NamedTuple, Protocol

from chat.domain.privacy import Kind, Request, RequestKey

SHARDS = 8
"""Partitions of `privacy_open`."""

PAGE = 100
"""Unfinished requests that are looked at in one go."""

AUDIT_LIMIT = 200
"""Lines of the audit that are shown with a request; a learner's whole audit is read in pages."""

_ENTRIES = uuid.UUID("5d0c3c6e-9d0e-5b1a-8a0e-3f0d6b1c7e21")
"""Namespace of the ids of audit entries. Fixed for life: what is noted again must get the same id."""


def shard_of(subject: bytes) -> int:
    """The shard of `privacy_open` that holds a learner's unfinished requests."""
    return subject[0] % SHARDS


class OpenRequest(NamedTuple):
    """A request without its end; its place among others is its time, then its key."""

    requested_at: int
    key: RequestKey
    kind: Kind
    subject: bytes

    @property
    def place(self) -> tuple[int, str, str]:
        """What a shard is sorted by."""
        return self.requested_at, *self.key


class Entry(NamedTuple):
    """A line of the audit: at `at` (ms) `actor` did `action`, for the reason `code`. No ids of learners, no content.

    `cause` tells apart what happened: the same entry noted again is one.
    """

    kind: Kind
    subject: bytes
    at: int
    request_id: str
    actor: str
    action: str
    code: str
    cause: str

    @property
    def id(self) -> uuid.UUID:
        """Follows from all else, so that nothing is noted twice."""
        return uuid.uuid5(_ENTRIES, f"{self.subject.hex()}/{self.at}/{self.cause}/{self.action}")


class Noted(NamedTuple):
    """A line of the audit as it is read. `request_id` is what the command said, whether or not it was accepted."""

    at: int
    entry: str
    request_id: str
    actor: str
    action: str
    code: str


class ListedAt(NamedTuple):
    """A request's place in its learner's list: newest first."""

    requested_at: int
    request_id: str


class NotedAt(NamedTuple):
    """A line's place in the audit of a learner: newest first."""

    at: int
    entry: str


class RequestStore(Protocol):
    """Every method raises `StorageUnavailable` when the store does not answer, and may then be called again."""

    async def find(self, key: RequestKey) -> Request | None:
        """The request of that name."""
        ...

    async def find_command(self, subject: bytes, command_id: str) -> Request | None:
        """The request that a command of this learner made."""
        ...

    async def accept(self, request: Request) -> Request:
        """Keeps a request unless its name is taken: the one that is kept then, ours or the other."""
        ...

    async def enlist(self, request: Request) -> None:
        """Puts an accepted request into its learner's list."""
        ...

    async def queue(self, request: Request) -> None:
        """Puts an accepted request among the unfinished, where it is found and run; one that was closed stays away."""
        ...

    async def unfinished(self, shard: int, after: OpenRequest | None = None) -> list[OpenRequest]:
        """The first `PAGE` unfinished requests of a shard behind `after`, oldest first."""
        ...

    async def lease(self, key: RequestKey, holder: str, seconds: int) -> Request | None:
        """Gives a request to `holder` for so long; None where somebody else has it, or nobody can: it is not there."""
        ...

    async def renew(self, key: RequestKey, holder: str, seconds: int) -> bool:
        """Lets `holder` keep a request for so long from now; False where it has it no more."""
        ...

    async def save(self, request: Request, holder: str) -> bool:
        """Keeps a request's new state; False, and nothing is kept, where `holder` has it no more."""
        ...

    async def close(self, request: Request) -> None:
        """Forgets an ended request's learner, gives the lease back, whoever has it, and takes the request off the
        unfinished: one that is not kept as ended stays there, as it is.
        """
        ...

    async def note(self, entry: Entry) -> None:
        """Writes a line of the audit."""
        ...

    async def noted(self, entry: Entry) -> str | None:
        """The code of a line that tells of the same; None where it was never noted."""
        ...


class RequestHistory(Protocol):
    """What the read side asks. Every method raises `StorageUnavailable` when the store does not answer."""

    async def subject(self, tenant_id: str, learner_id: str) -> bytes:
        """What stands for a learner where its id is not kept."""
        ...

    async def request(self, key: RequestKey) -> Request | None:
        """One request."""
        ...

    async def requests(
        self, tenant_id: str, subject: bytes, limit: int, after: ListedAt | None = None
    ) -> list[Request]:
        """The first `limit` requests of a learner's list behind `after`."""
        ...

    async def audit_of(self, request: Request) -> list[Noted]:
        """What was noted of a request, oldest first; at most `AUDIT_LIMIT` lines, the latest."""
        ...

    async def note(self, entry: Entry) -> None:
        """Writes a line of the audit: that somebody has fetched something."""
        ...

    async def audit(self, subject: bytes, limit: int, after: NotedAt | None = None) -> list[Noted]:
        """The first `limit` lines of a learner's audit behind `after`, refusals too."""
        ...
