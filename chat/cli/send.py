"""`chat send`: commands as JSON lines, and what became of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from opentelemetry.trace import SpanKind

from chat import tracing
from chat.cli.output import PLAIN, AsJsonLines, json_line, note
from chat.cli.start import start
from chat.errors import BadInput, OutcomeTimeout
from chat.sdk import CommandKey, Outcome, Producer, Sent
from chat.strict_json import read_strictly

SHOWN = ("command_id", "outcome", "code", "event_id", "topic", "partition", "offset")
SECONDS = 30.0
FAILED = 1


app = typer.Typer(**PLAIN)


@app.command()
def send(
    file: Annotated[
        typer.FileBinaryRead, typer.Argument(metavar="FILE", help="One JSON object a line; - is stdin.")
    ] = "-",  # type: ignore[assignment]
    *,
    token: Annotated[str, typer.Option(envvar="CHAT_TOKEN", help="The JWT to send with.", show_envvar=True)] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the outcomes and print a line for each.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the next outcome.")] = SECONDS,
    seal: Annotated[
        Path | None, typer.Option(help="Seal every command to the public key of this file (JWK or JWK Set).")
    ] = None,
    _as_json: AsJsonLines = False,
) -> None:
    """Send commands: {"type": "PostMessage", ...}, one a line. Missing ids are made.

    All lines are read before the first is sent: where one is no JSON object, nothing is sent. A JSON object that is no
    right command is sent, and the service judges it. Exit status: 0 when Kafka has every command and, with --wait,
    every one took effect (a duplicate has); 1 after a refusal or a dead letter; 2 when an outcome did not come in time.
    """
    commands = list(_commands(file.read()))
    if not token:
        raise BadInput("--token", "give one, or set CHAT_TOKEN")
    settings = start()
    tracing.configure(settings, "send")
    with (
        tracing.span("chat send", kind=SpanKind.PRODUCER),
        Producer(settings, token=token, outcomes=wait, seal_to=_public_key(seal)) as producer,
    ):
        sent = [producer.send(command) for command in commands]
        good = report(sent, timeout) if wait else _placed(sent, timeout)
    if not good:
        raise typer.Exit(FAILED)


def _public_key(file: Path | None) -> CommandKey | None:
    if file is None:
        return None
    try:
        return CommandKey.from_jwk(orjson.loads(file.read_bytes()))
    except OSError as error:
        raise BadInput("--seal", f"the file cannot be read ({error.strerror})") from error
    except orjson.JSONDecodeError as error:
        raise BadInput("--seal", "the file must hold a JWK or a JWK Set") from error


def _commands(text: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            orjson.loads(line)  # refuses lone surrogates, and numbers that no double holds
            command = read_strictly(line)
        except ValueError:
            command = None
        if not isinstance(command, dict):
            raise BadInput(f"line {number}", "must be one JSON object in UTF-8, each name once; nothing was sent")
        yield command


def _placed(sent: list[Sent], seconds: float) -> bool:
    for one in sent:
        one.position(seconds)
    return True


def report(sent: list[Sent], seconds: float, more: Mapping[str, str] = {}) -> bool:
    """Prints the outcomes that came, with `more` of each; whether all commands took effect.

    Once one has not come in time, the others are not waited for. Raises `OutcomeTimeout` where some did not come.
    """
    late = 0
    good = True
    for one in sent:
        try:
            outcome = one.outcome(0 if late else seconds)
        except OutcomeTimeout:
            late += 1
            continue
        _show(outcome, more)
        good = good and outcome.succeeded
    if late:
        raise OutcomeTimeout(f"{late} of {len(sent)} commands have no outcome within {seconds:g} s")
    return good


def _show(outcome: Outcome, more: Mapping[str, str]) -> None:
    json_line({name: getattr(outcome, name) for name in SHOWN} | dict(more))
    if outcome.detail and not outcome.succeeded:
        note(f"{outcome.command_id}: {outcome.code}: {outcome.detail}")
