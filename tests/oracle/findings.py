"""What the oracle may find."""

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that must not be.

    `kind`: `lost` (no outcome), `two_outcomes`, `wrong_outcome`, `alien` (the outcome of no record), `order`,
    `repeat` (a repeat that is not the same), `double` (a repeat in a run that has no cause for one), `seq`, `row`
    (a table is not as it must be), `early_commit` (an offset was committed before an outcome was there),
    `event_before_row`, `http` (a reader sees something else), `blind` (nobody looked at an event as it came),
    `tombstone` (what was deleted is not gone from the events, or what was not is), `expiry` (a row lives too long
    or too short), `request` (a privacy request has not the one end that it may have, or leaves what it must not).
    """

    kind: str
    detail: str


class OracleError(AssertionError):
    """A run was not as it must be."""

    def __init__(self, findings: list[Finding], again: str) -> None:
        self.findings = findings
        kinds = {kind: sum(one.kind == kind for one in findings) for kind in {one.kind for one in findings}}
        shown = "\n  ".join(f"{one.kind}: {one.detail}" for one in findings[:20])
        super().__init__(f"{len(findings)} findings {kinds}\n  {shown}\nrun it again with: {again}")
