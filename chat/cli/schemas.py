"""`chat schemas`: what producers and consumers in other languages need."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

import schemas
from chat.cli.asyncapi import description
from chat.cli.output import PLAIN, AsJson, json_line, line
from chat.cli.start import start
from chat.cli.yaml_text import json_text
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.schema_ids import SchemaIdRows
from chat.storage.session import Connection
from chat.topic_specs import specs

app = typer.Typer(help="The Avro schemas.", no_args_is_help=True, **PLAIN)


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False, help="Made where it is missing.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write every schema ever published, and the topics with their keys, partitions and settings.

    The topics are described twice: short in topics.json, whole in asyncapi.yaml.
    """
    settings = start()
    documents = {
        folder / "topics.json": json_text(topics_document(settings)),
        folder / "asyncapi.yaml": description(settings),
    }
    written = schemas.export(folder)
    for path, text in documents.items():
        path.write_text(text, encoding="utf-8")
    paths = [str(path) for path in [*written, *documents]]
    if as_json:
        json_line({"files": paths})
    else:
        line(f"{len(paths)} files in {folder}")


@app.command("forget-ids")
def forget_ids(*, as_json: AsJson = False) -> None:
    """Forget the schema registry, for one that gives its ids to other schemas now, or for none from now on.

    Commands in its framing that are in the log by then are read no more: the next worker makes dead letters of those
    that have no outcome yet. Stop the workers first.
    """
    forgotten = asyncio.run(_forget(start()))
    if as_json:
        json_line({"forgotten": forgotten})
    else:
        line(f"{forgotten} ids forgotten")


async def _forget(settings: Settings) -> int:
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        return await SchemaIdRows(connection).forget()
    finally:
        await connection.close()


def topics_document(settings: Settings) -> dict[str, Any]:
    """What one needs to know of the topics to produce and consume in any language."""
    return {
        "partitioner": "murmur2 of <tenant_id>/<learner_id>, as the Java client's default; whatever the record's key",
        "partitions": settings.topic_partitions,
        "encoding": "Avro single-object encoding, or a JSON object with the record's name in type; "
        "with a schema registry also Confluent's framing",
        "headers": {
            "authorization": "Bearer <JWT>; required on commands",
            "correlation-id": "optional; copied to what the command causes",
            "traceparent": "optional; W3C Trace Context",
        },
        "topics": [spec._asdict() for spec in specs(settings)],
    }
