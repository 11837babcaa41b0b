"""Checks of our own, for schemathesis to run on every answer."""

from typing import Any

import schemathesis
from schemathesis.core.failures import Failure

BEYOND_A_SCHEMA = {"cursor", "before_seq", "around_seq"}


@schemathesis.check
def good_parameters_are_refused_for_what_no_schema_says(_context: Any, response: Any, case: Any) -> None:
    """400 to parameters that fit the description is about cursors, or about two seqs at once."""
    if response.status_code != 400 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    fields = {one["field"] for one in response.json()["errors"]}
    if not fields <= BEYOND_A_SCHEMA:
        raise Failure(operation=case.operation.label, title="Refused against the description", message=str(fields))


@schemathesis.check
def nothing_is_shown_to_nobody(_context: Any, response: Any, case: Any) -> None:
    """Without a token the history answers 401, or 405 and 404 to what it does not have."""
    sent = {name.lower() for name in response.request.headers}
    hidden = case.operation.path.startswith("/api/v1/")
    if hidden and "authorization" not in sent and response.status_code not in {401, 404, 405}:
        raise Failure(operation=case.operation.label, title="Shown to nobody", message=str(response.status_code))
