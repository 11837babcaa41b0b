"""`chat privacy verify`: what is left of a learner in tables, topics and files, and whether that can be believed."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from chat.cli.output import AsJsonLines, json_line, note
from chat.cli.privacy_requests import Learner, Tenant
from chat.cli.send import FAILED
from chat.cli.start import start
from chat.domain import model
from chat.errors import BadInput
from chat.privacy.key_folder import KeyFolder
from chat.privacy.key_store import key_store
from chat.privacy.search.everywhere import Everywhere
from chat.privacy.traces import Trace, What
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.session import Connection

UNPROVEN = 3
"""Exit status where nothing was found, and that proves nothing."""

_PROMISED = {What.IDS, What.UNREAD}

Paths = Annotated[list[Path], typer.Option(help="A file or folder to search too; may be repeated.")]
Keys = Annotated[list[Path], typer.Option(help="Another folder of key-encryption keys, such as a backup's.")]
Texts = Annotated[list[str], typer.Option(help="Words of the learner's to search for; may be repeated.")]
Control = Annotated[str, typer.Option(help="A learner of the tenant who lives, to be found in every place.")]
ControlTexts = Annotated[list[str], typer.Option(help="Words that are there, of the control's or anybody's.")]


class Asked(NamedTuple):
    """What to search, and by what to know that the search works."""

    learner: model.Learner
    texts: Sequence[str]
    control: model.Learner | None
    control_texts: Sequence[str]


def verify(
    *,
    tenant: Tenant,
    learner: Learner,
    path: Paths = [],  # noqa: B006 - typer copies it
    keys: Keys = [],  # noqa: B006 - as above
    text: Texts = [],  # noqa: B006 - as above
    control: Control = "",
    control_text: ControlTexts = [],  # noqa: B006 - as above
    _as_json: AsJsonLines = False,
) -> None:
    """Search every table and topic, and every --path, for what is left of a learner; print each trace as a JSON line.

    A path is a folder of Kafka's logs, of Cassandra's data, commit log, hints or snapshots, of bundles, or any file.
    Segments and data files are decoded; what is sealed is tried with every key that is left. `ids` stay by promise for
    a time; of a file they are told once.

    Exit status 1 where anything else is left; 3 where nothing is, but a place could not be read, or the control was
    not found in every place, so that the search proves nothing.
    """
    if missing := [one for one in path if not one.exists()]:
        raise BadInput("--path", f"{missing[0]} is not there")
    if keyless := [one for one in keys if not any(one.glob("*.key"))]:
        raise BadInput("--keys", f"{keyless[0]} has no key-encryption key")
    if control_text and not control:
        raise BadInput("--control-text", "needs --control")
    other = model.Learner(tenant, control) if control else None
    asked = Asked(model.Learner(tenant, learner), text, other, control_text)
    status = asyncio.run(_verify(start(), asked, path, keys))
    if status:
        raise typer.Exit(status)


async def _verify(settings: Settings, asked: Asked, paths: Sequence[Path], keys: Sequence[Path]) -> int:
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        keyrings = [key_store(settings), *map(KeyFolder, keys)]
        search = await Everywhere.open(settings, connection, paths, keyrings)
        silent = [] if asked.control is None else await _without_control(search, asked)
        found = await _search(search, asked.learner, asked.texts)
    finally:
        await connection.close()
    note(", ".join(f"{count} {what}" for what, count in sorted(found.items())) or "nothing is left")
    if found.keys() - _PROMISED:
        return FAILED
    return UNPROVEN if silent or found[What.UNREAD] else 0


async def _search(search: Everywhere, learner: model.Learner, texts: Sequence[str]) -> Counter[What]:
    """Prints the traces, and counts them."""
    report = Report()
    async for _, trace in search.traces(learner, texts):
        report.take(trace)
    return report.counts


async def _without_control(search: Everywhere, asked: Asked) -> list[str]:
    """Where the control was searched for and not found; told on stderr, with what it was found as where it was."""
    assert asked.control is not None  # noqa: S101 - for the type
    by_place: dict[str, Counter[What]] = {one: Counter() for one in ("tables", "topics", *map(str, search.paths))}
    async for searched, trace in search.traces(asked.control, asked.control_texts, spare_living=False):
        by_place[searched][trace.what] += trace.what is not What.UNREAD
    for place, counts in by_place.items():
        shown = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
        note(f"control in {place}: {shown or 'NOT FOUND: the search does not work there, or nothing is to be found'}")
    return [place for place, counts in by_place.items() if not counts.total()]


@dataclass
class Report:
    """Prints traces: each, but `ids` of a file once. `counts` has all."""

    counts: Counter[What] = field(default_factory=Counter)
    _told: set[str] = field(default_factory=set)

    def take(self, trace: Trace) -> None:
        """One trace more."""
        self.counts[trace.what] += 1
        if trace.what is What.IDS and "/" in trace.place:
            file = trace.place.rpartition("@")[0]
            if file in self._told:
                return
            self._told.add(file)
        json_line(trace._asdict())
