"""`chat acls`: what each role may do with Kafka."""

from pathlib import Path
from typing import Annotated

import typer

from chat.acls import read_roles
from chat.broker import broker
from chat.cli.output import PLAIN, AsJson, json_line, line
from chat.cli.start import start
from chat.errors import BadInput

app = typer.Typer(help="What each role may do with Kafka.", no_args_is_help=True, **PLAIN)
NONE: list[str] = []


@app.callback()
def group() -> None:
    """A group of its own, so that its one command keeps its name."""


@app.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Roles, as in deploy/kafka/acls.yaml.")],
    *,
    principal: Annotated[
        list[str], typer.Option(metavar="ROLE=User:NAME", help="Whom a role is granted to; User:chat-ROLE else.")
    ] = NONE,
    role: Annotated[list[str], typer.Option(metavar="ROLE", help="Only this role; repeat it for more.")] = NONE,
    as_json: AsJson = False,
) -> None:
    """Grant roles on the brokers. Safe to repeat; takes nothing away. Needs the right to alter the cluster."""
    grants = read_roles(file, dict(map(_named, principal)))
    unknown = set(role) - {grant.role for grant in grants}
    if unknown:
        raise BadInput("--role", "names a role that the file does not have")
    wanted = [grant for grant in grants if not role or grant.role in role]
    broker(start()).grant([grant.acl for grant in wanted])
    if as_json:
        json_line([grant._asdict() for grant in wanted])
        return
    for grant in wanted:
        line(str(grant))


def _named(given: str) -> tuple[str, str]:
    role, found, name = given.partition("=")
    if not found or not name.startswith("User:"):
        raise BadInput("--principal", "must be ROLE=User:NAME")
    return role, name
