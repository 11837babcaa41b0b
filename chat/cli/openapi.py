"""`chat openapi`: the description of the HTTP API, for clients' generators."""

from typing import Any

import typer

from api.app import described_app
from chat.cli.output import PLAIN, AsJson, DocumentFile, write_document
from chat.cli.yaml_text import json_text, yaml_text

app = typer.Typer(**PLAIN)


@app.command()
def openapi(file: DocumentFile = None, *, as_json: AsJson = False) -> None:
    """Print or write the HTTP API's description (OpenAPI 3.1), as YAML."""
    write_document(description(as_json=as_json), file)


def description(*, as_json: bool = False) -> str:
    """The description's text; it depends on no setting."""
    document: dict[str, Any] = described_app().openapi()
    return json_text(document) if as_json else yaml_text(document)
