"""Why a request is refused: every `code` of a problem, its status and what it means."""

from enum import StrEnum
from typing import Self


class ProblemCode(StrEnum):
    """A member is its text, with the `status` that it comes with and `meaning`, a few words for a table."""

    _value_: str
    status: int
    meaning: str

    def __new__(cls, value: str, status: int, meaning: str) -> Self:
        """As written below: `NAME = "text", status, "what it means"`."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.status = status
        member.meaning = meaning
        return member

    INVALID = "invalid", 400, "a parameter breaks a rule: `errors` says which one and which rule"
    UNAUTHENTICATED = "unauthenticated", 401, "no token, or one that does not count"
    TOKEN_EXPIRED = "token_expired", 401, "a good token whose `exp` has passed"
    FORBIDDEN = "forbidden", 403, "the token lacks the permission, whatever it asks for"
    NOT_FOUND = "not_found", 404, "not there, or not for this caller: the two look the same"
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, "this API only reads: commands go through Kafka"
    RATE_LIMITED = "rate_limited", 429, "more requests in a minute than one address may send"
    INTERNAL = "internal", 500, "the service failed; the fault is not the request's"
    UNAVAILABLE = "unavailable", 503, "a server behind the API does not answer; the same request may succeed later"
