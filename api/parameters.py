"""What may stand in a query: known parameters, each once. An empty value is as good as none."""

import re
from collections import Counter
from typing import Annotated, Any

from fastapi import Header, Path, Query, Request
from pydantic import BeforeValidator, Field

from api.cursor import MAX_CHARACTERS
from chat.errors import BadInput

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAX_SEQ = 2**63 - 1
UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

_WHOLE = re.compile(r"-?[0-9]{1,19}")


def check_names(request: Request) -> None:
    """Raises `BadInput` for a parameter that the path does not have, and for one that stands twice.

    A misspelt `after_seq` that is passed over would look like an answer to it.
    """
    known = {one.alias for one in request.scope["route"].dependant.query_params}
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            raise BadInput("query", f"must hold only {', '.join(sorted(known)) or 'nothing'}")
        if times > 1:
            raise BadInput(name, "must stand once")


def _none_if_empty(given: Any) -> Any:
    return None if given == "" else _number(given)


def _default_if_empty(given: Any) -> Any:
    return DEFAULT_LIMIT if given == "" else _number(given)


def _number(given: Any) -> Any:
    """Digits as a number; all else stays text, which is no number: not `5.0`, ` 5` or `5_0` either."""
    return int(given) if isinstance(given, str) and _WHOLE.fullmatch(given) else given


_Limit = Annotated[int, Field(strict=True, ge=1, le=MAX_LIMIT)]
_Seq = Annotated[int, Field(strict=True, ge=0, le=MAX_SEQ)]
_Text = Annotated[str, Field(max_length=MAX_CHARACTERS)]

Limit = Annotated[_Limit, BeforeValidator(_default_if_empty), Query(description="How many items a page has at most.")]
Cursor = Annotated[
    _Text | None,
    BeforeValidator(lambda given: given or None),
    Query(description="`next_cursor` or `prev_cursor` of a page of this very listing."),
]
AfterSeq = Annotated[
    _Seq | None, BeforeValidator(_none_if_empty), Query(description="Messages behind this seq, oldest first.")
]
BeforeSeq = Annotated[
    _Seq | None, BeforeValidator(_none_if_empty), Query(description="Messages before this seq, newest first.")
]
AroundSeq = Annotated[
    _Seq | None, BeforeValidator(_none_if_empty), Query(description="Messages on both sides of this seq.")
]
LastEventId = Annotated[
    _Seq | None,
    BeforeValidator(_none_if_empty),
    Header(
        alias="Last-Event-ID",
        description="The seq of the last message that the client has of this thread.",
        examples=[17],
    ),
]


def _id(what: str, example: str) -> Any:
    """An id in a path. It is not judged as one: what is no id is not there, like any other that is not there."""
    return Path(description=what, examples=[example], json_schema_extra={"pattern": UUID, "format": "uuid"})


RequestId = Annotated[str, _id("The request's id.", "0199c0de-0000-7000-8000-000000000003")]
ThreadId = Annotated[str, _id("The thread's id.", "0199c0de-0000-7000-8000-000000000001")]
MessageId = Annotated[str, _id("The message's id.", "0199c0de-0000-7000-8000-000000000002")]
Learner = Annotated[str, Query(pattern=r"^[A-Za-z0-9._~@:-]{1,128}$", description="Whose they are.", examples=["ada"])]
