"""`chat token`: a token for development."""

import time
from typing import Annotated

import typer

from chat.cli.output import PLAIN, AsJson, json_line, line
from chat.cli.start import start
from chat.domain.principal import Permission, Role
from chat.tokens import make_token

HOUR = 3600


app = typer.Typer(**PLAIN)


@app.command()
def token(
    *,
    tenant: Annotated[str, typer.Option(help="tenant_id: the tenant that the token is bound to.")],
    user: Annotated[str, typer.Option(help="user_id: who sends and reads.")],
    role: Annotated[Role, typer.Option(help="Gives the permissions, where none are named.")],
    learner: Annotated[list[str], typer.Option(help="A learner whom the token reaches, or '*'; repeat it for more.")],
    permission: Annotated[
        list[Permission] | None, typer.Option(help="Exactly these permissions, instead of the role's; repeat it.")
    ] = None,
    ttl: Annotated[int, typer.Option(min=1, help="Seconds that the token is good for.")] = HOUR,
    as_json: AsJson = False,
) -> None:
    """Print a token signed with JWT_SECRET_KEY, for development."""
    expires = int(time.time()) + ttl
    made = make_token(start(), tenant, user, role, learner, permissions=permission or None, ttl=ttl, exp=expires)
    if as_json:
        json_line({"token": made, "expires_at": expires})
    else:
        line(made)
