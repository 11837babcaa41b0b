"""`chat openapi`: the description of the HTTP API, for clients' generators."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
import yaml

from api.app import described_app
from chat.cli.output import PLAIN, AsJson, line

WIDTH = 120

app = typer.Typer(**PLAIN)


@app.command()
def openapi(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", dir_okay=False, help="Where to; without it, to stdout.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print or write the HTTP API's description (OpenAPI 3.1), as YAML."""
    text = description(as_json=as_json)
    if file is None:
        line(text.rstrip("\n"))
    else:
        file.write_text(text, encoding="utf-8")


class _Dumper(yaml.SafeDumper):
    """Writes text of many lines as lines."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def description(*, as_json: bool = False) -> str:
    """The description's text; it depends on no setting."""
    plain = orjson.dumps(described_app().openapi(), option=orjson.OPT_INDENT_2).decode() + "\n"
    if as_json:
        return plain
    # Through JSON, so that no part of it is another's alias.
    text: str = yaml.dump(orjson.loads(plain), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
    return text
