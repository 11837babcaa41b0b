"""`chat up`: everything on this machine, until somebody stops it."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Annotated, NoReturn

import typer

from chat.cli import sample as conversation
from chat.cli.house import House
from chat.cli.output import PLAIN, AsJson, note
from chat.cli.secret import ensure_secret
from chat.cli.servers import DATA_DIR, DataDir, print_ready
from chat.cli.start import start

STOPPING = (signal.SIGINT, signal.SIGTERM)
SECONDS_BETWEEN_LOOKS = 0.5


app = typer.Typer(**PLAIN)


@app.command()
def up(
    *,
    data_dir: DataDir = DATA_DIR,
    sample: Annotated[bool, typer.Option("--sample", help="Send a sample conversation and print its history.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run everything on this machine: Kafka, Cassandra, topics, tables, a worker and the API, until Ctrl-C or SIGTERM.

    Servers are embedded where KAFKA_BOOTSTRAP_SERVERS or CASSANDRA_CONTACT_POINTS is unset. Prints
    `ready: api=http://HOST:PORT kafka=HOST:PORT cassandra=HOST:PORT` when it serves. Without JWT_SECRET_KEY it makes
    one in .chat/env. Started again on the same folder it has its data.
    """
    ensure_secret()
    settings = start()
    with _until_stopped():
        note("starting; the logs are in " + str(data_dir / "logs"))
        with House(settings, data_dir) as house:
            print_ready(house.addresses, as_json=as_json)
            if sample:
                conversation.show(house.settings, house.api)
            while True:
                house.require_alive()
                time.sleep(SECONDS_BETWEEN_LOOKS)


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Runs the block until the first SIGINT or SIGTERM; the block then ends in its own order, undisturbed."""

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        for one in STOPPING:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    for one in STOPPING:
        signal.signal(one, stop)
    with suppress(KeyboardInterrupt):
        yield
    note("stopped")
