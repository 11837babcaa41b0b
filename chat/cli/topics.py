"""`chat topics`: the five Kafka topics."""

import asyncio
from typing import Annotated

import typer

from chat import topics
from chat.cli.output import PLAIN, AsJson, json_line, line
from chat.cli.start import start
from chat.errors import KeyspaceMissing
from chat.settings import Settings
from chat.storage import migrate
from chat.topic_specs import Topic

app = typer.Typer(help="The Kafka topics.", no_args_is_help=True, **PLAIN)

NewEpoch = Annotated[
    list[Topic],
    typer.Option(help="This topic was made anew: take its log as it is. Offsets of the old one mean nothing in it."),
]
NONE: list[Topic] = []


async def _applied(settings: Settings, new_epoch: list[Topic]) -> list[topics.Change]:
    try:
        return await topics.apply(settings, new_epoch=new_epoch)
    except KeyspaceMissing:
        await migrate.migrate(settings)
    return await topics.apply(settings, new_epoch=new_epoch)


@app.callback()
def group() -> None:
    """A group of its own, so that its one command keeps its name."""


@app.command("apply")
def apply(*, new_epoch: NewEpoch = NONE, as_json: AsJson = False) -> None:
    """Make missing topics, alter settings that may be altered, say what differs, and refuse to break anything.

    Safe to repeat and to run twice at once. What they are is recorded in Cassandra: where there is no keyspace yet, the
    tables are made first, as by `chat migrate`.
    """
    changes = asyncio.run(_applied(start(), new_epoch))
    if as_json:
        json_line([change._asdict() for change in changes])
        return
    for change in changes:
        line(str(change))
    if not changes:
        line("nothing to change")
