"""`chat servers`: the embedded Kafka and Cassandra alone."""

from pathlib import Path
from typing import Annotated

import typer

from chat.cli.output import PLAIN, AsJson, json_line, line
from chat.cli.start import start
from chat.servers.embedded import Addresses, EmbeddedConfig
from chat.servers.run import run_servers

DATA_DIR = Path(".chat")
DataDir = Annotated[Path, typer.Option(file_okay=False, help="Where the servers keep their data and logs.")]
MOST_NODES = 5


app = typer.Typer(**PLAIN)


@app.command()
def servers(
    *,
    data_dir: DataDir = DATA_DIR,
    cassandra_nodes: Annotated[
        int, typer.Option(min=1, max=MOST_NODES, help="More than one is for tests: a ring on 127.0.0.1, 127.0.0.2 …")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Run an embedded Kafka and Cassandra until Ctrl-C or SIGTERM, on KAFKA_PORT and CASSANDRA_PORT.

    Prints `ready: kafka=HOST:PORT cassandra=HOST:PORT` when both answer. Started again on the same folder they have
    their data.
    """
    settings = start()
    config = EmbeddedConfig(
        data_dir,
        kafka_port=settings.kafka_port,
        cassandra_port=settings.cassandra_port,
        cassandra_nodes=cassandra_nodes,
    )
    raise typer.Exit(run_servers(config, lambda addresses: print_ready(ready(addresses), as_json=as_json)))


def ready(addresses: Addresses) -> dict[str, str]:
    """The servers' addresses by name; a ring's nodes are comma-separated."""
    cassandra = ",".join(f"{host}:{addresses.cassandra_port}" for host in addresses.cassandra)
    return {name: address for name, address in (("kafka", addresses.kafka), ("cassandra", cassandra)) if address}


def print_ready(addresses: dict[str, str], *, as_json: bool) -> None:
    """The one line that says that everything serves."""
    if as_json:
        json_line({"ready": addresses})
    else:
        line("ready: " + " ".join(f"{name}={address}" for name, address in addresses.items()))
