"""What is known of one followed thread, from connection to connection. No I/O: both clients share it."""

import random

import httpx2

from chat.domain.identifiers import is_uuid
from chat.errors import BadInput, BadToken, TokenExpired, TokenInvalid, Transient
from chat.sdk.live.answer import judge
from chat.sdk.live.events import Ended, LiveEvent, Posted, Reconnecting, Resync, live_event

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 30.0
DOUBLINGS = 10

FINAL = frozenset({"thread_deleted", "learner_erased"})
OF_TOKEN: dict[str, type[BadToken]] = {"token_expired": TokenExpired, "unauthenticated": TokenInvalid}

TIMEOUT = httpx2.Timeout(10, read=45)
"""The service says something every 15 s: after three times as long the connection is dead."""

WAITED_OUT = (httpx2.RequestError, Transient)
"""What the next connection may mend."""


class Line:
    """Follows one thread. `cut`: this connection brings nothing more. `over`: no other one does, either.

    `renewable`: another token can be had; then two refusals of one in a row are an error, else the first one is.
    """

    def __init__(self, thread_id: str, after_seq: int | None, *, renewable: bool) -> None:
        if not is_uuid(thread_id):
            raise BadInput("thread_id", "a UUID in lower-case canonical text")
        if after_seq is not None and after_seq < 0:
            raise BadInput("after_seq", "0 or more")
        self.path = f"/api/v1/threads/{thread_id}/stream"
        self.over = False
        self.cut = False
        self._last = after_seq
        self._fresh = True
        self._refusals_left = int(renewable)
        self._renewable = renewable
        self._reason = ""
        self._first_seconds = FIRST_SECONDS
        self._asked_seconds = 0.0
        self._failures = 0

    def headers(self, token: str) -> dict[str, str]:
        """Of the next connection. Raises `TokenInvalid` where the token cannot stand in a header."""
        if not (token.isascii() and token.isprintable()):
            raise TokenInvalid("a token is printable ASCII")
        self.cut, self._fresh, self._reason = False, True, "the connection was closed"
        last = {} if self._last is None else {"last-event-id": str(self._last)}
        return {"authorization": f"Bearer {token}"} | last

    def begins(self, answer: httpx2.Response) -> bool:
        """Whether it is a stream. Raises as `judge`, but for the first refusal of a token that can be renewed."""
        try:
            judge(answer)
        except BadToken as error:
            self._refused(error, "unauthenticated")
        return not self.cut

    def take(self, sent: httpx2.ServerSentEvent) -> LiveEvent | None:
        """What is to be told of an event: nothing where it is a repeat, or only cuts the connection.

        Raises `TokenExpired` or `TokenInvalid` where the token ended the stream and is the only one.
        """
        if sent.retry is not None:
            self._first_seconds = sent.retry / 1000
        if not sent.data:
            return None
        match live_event(sent.event, sent.data):
            case Ended(reason):
                return self._end(reason)
            case Posted(message) if self._last is not None and message.seq <= self._last:
                return None
            case event:
                self._note(event)
                return event

    def lost(self, error: Exception) -> None:
        """The connection broke, or could not be had."""
        self._reason = str(error) or type(error).__name__
        self._asked_seconds = getattr(error, "seconds", 0.0)

    def reconnecting(self) -> Reconnecting:
        """Why and when the next connection begins: later after each failure, and not with all the others at once."""
        longest = min(LONGEST_SECONDS, self._first_seconds * 2 ** min(self._failures, DOUBLINGS))
        seconds = max(random.uniform(longest / 2, longest), self._asked_seconds)  # noqa: S311 - spread
        self._failures += 1
        self._asked_seconds = 0.0
        return Reconnecting(self._reason, seconds)

    def _note(self, event: LiveEvent | None) -> None:
        if isinstance(event, Posted):
            self._last = event.message.seq
        if isinstance(event, Resync):
            # The first one says where the stream begins, behind the end of a thread that was restored too; a later
            # one may be older than what has come since.
            self._last = event.after_seq if self._fresh else max(self._last or 0, event.after_seq)
            self._fresh = False
            self._failures, self._refusals_left = 0, int(self._renewable)

    def _end(self, reason: str) -> Ended | None:
        if reason in FINAL:
            self.cut = self.over = True
            return Ended(reason)
        if reason in OF_TOKEN:
            self._refused(OF_TOKEN[reason](f"the service ended the stream: {reason}"), reason)
        self._reason, self.cut = reason, True
        return None

    def _refused(self, error: BadToken, reason: str) -> None:
        if not self._refusals_left:
            raise error
        self._refusals_left -= 1
        self._reason, self.cut = reason, True
