"""`chat asyncapi`: the description of the topics, for producers and consumers in other languages."""

import typer

from chat.asyncapi import document
from chat.cli.output import PLAIN, AsJson, DocumentFile, write_document
from chat.cli.yaml_text import json_text, yaml_text
from chat.settings import Settings

app = typer.Typer(**PLAIN)


@app.command()
def asyncapi(file: DocumentFile = None, *, as_json: AsJson = False) -> None:
    """Print or write the topics' description (AsyncAPI 3.1), as YAML, with every setting at its default."""
    write_document(description(as_json=as_json), file)


def description(settings: Settings | None = None, *, as_json: bool = False) -> str:
    """The description's text, with partitions and retention of `settings`; without it of the defaults."""
    described = document(settings or Settings.model_construct())
    return json_text(described) if as_json else yaml_text(described)
