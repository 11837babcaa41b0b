"""What may stand in a query. An empty value is as good as none."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BeforeValidator, Field

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAX_SEQ = 2**63 - 1


def _none_if_empty(given: Any) -> Any:
    return None if given == "" else given


def _default_if_empty(given: Any) -> Any:
    return DEFAULT_LIMIT if given == "" else given


Limit = Annotated[int, BeforeValidator(_default_if_empty), Query(ge=1, le=MAX_LIMIT, description="items of a page")]
Cursor = Annotated[str | None, BeforeValidator(_none_if_empty), Query(description="as the page before gave it")]
_Seq = Annotated[int, Field(ge=0, le=MAX_SEQ)]
Seq = Annotated[_Seq | None, BeforeValidator(_none_if_empty), Query(description="a message's seq")]
Learner = Annotated[str, Query(pattern=r"^[A-Za-z0-9._~@:-]{1,128}$", description="whose threads")]
