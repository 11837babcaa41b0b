"""What `chat up` runs: servers, a worker and the API, started in this order and stopped in the other."""

import asyncio
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from chat import topics
from chat.cli.http import get
from chat.cli.output import note
from chat.cli.secret import FILE, keep
from chat.errors import PortTaken, ServerDied, ServerNotReady
from chat.kafka import bootstrap_servers
from chat.servers.embedded import EmbeddedConfig, EmbeddedServers
from chat.servers.free_port import LOCALHOST, free_port, is_free
from chat.servers.process import ServerProcess, tail
from chat.settings import Settings, load
from chat.storage import migrate

PROGRAM = (sys.executable, "-P", "-m", "chat.cli.main")
"""The program itself; -P: a folder `schemas` that lies where somebody starts it is not to be taken for the package."""

HTTP_OK = 200
READY_SECONDS = 120.0
GRACE_SECONDS = 20.0
PAUSE_SECONDS = 0.1
BESIDE = {
    "kek_folder": "keys",
    "export_folder": "exports",
    "erasure_ledger": "ledger",
    "signing_key_file": "signing.pem",
}
"""Where in the folder of data these settings are, where nobody has set them."""


class House:
    """A context manager. What it starts ends with this process, in whatever way this process ends.

    Starting raises what `EmbeddedServers.start`, `migrate` and `topics.apply` raise, and `PortTaken`, `ServerDied` or
    `ServerNotReady`; then nothing is left running.
    """

    def __init__(self, settings: Settings, data_dir: Path) -> None:
        self.settings = settings
        self._data_dir = data_dir
        self._running = ExitStack()
        self._servers: EmbeddedServers | None = None
        self._processes: list[ServerProcess] = []

    def __enter__(self) -> Self:
        with ExitStack() as running:
            self._start_servers(running)
            self._choose_ports()
            asyncio.run(_prepare(self.settings))
            for name in ("worker", "api"):
                self._start_process(name, running)
            self._wait_ready()
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def api(self) -> str:
        """The API's address for clients on this machine."""
        return address(self.settings.api_host, self.settings.api_port)

    @property
    def addresses(self) -> dict[str, str]:
        """Of everything, by name."""
        settings = self.settings
        nodes = ",".join(f"{host}:{settings.cassandra_port}" for host in settings.cassandra_contact_points)
        return {"api": self.api, "kafka": ",".join(bootstrap_servers(settings)), "cassandra": nodes}

    def require_alive(self) -> None:
        """Raises `ServerDied` where anything has ended by itself."""
        dead = self._servers.died() if self._servers is not None else None
        for one in [dead] if dead is not None else [one for one in self._processes if not one.alive]:
            raise ServerDied(one.name, one.log, tail(one.log))

    def _start_servers(self, running: ExitStack) -> None:
        """Those that no setting names."""
        settings = self.settings
        config = EmbeddedConfig(
            self._data_dir,
            kafka=not settings.kafka_bootstrap_servers,
            cassandra=not settings.cassandra_contact_points,
            kafka_port=settings.kafka_port,
            cassandra_port=settings.cassandra_port,
            # A row that was acknowledged survives also a `kill -9`; it costs a sync of the disk a batch.
            commitlog_sync="batch",
        )
        if not config.kafka and not config.cassandra:
            return
        self._servers = running.enter_context(EmbeddedServers(config))
        at = self._servers.addresses
        if config.kafka:
            self._set(KAFKA_BOOTSTRAP_SERVERS=at.kafka)
        if config.cassandra:
            self._set(CASSANDRA_CONTACT_POINTS=",".join(at.cassandra), CASSANDRA_PORT=at.cassandra_port)
            self._set(**self._beside_the_data())

    def _beside_the_data(self) -> dict[str, Path]:
        """A folder of data has what opens it, and what was made of it; what a setting names is elsewhere.

        Other subcommands find it too, whatever folder of data was used before.
        """
        chosen = load(_env_file=".env").model_fields_set
        places = {name: self._data_dir / place for name, place in BESIDE.items() if name not in chosen}
        moved = {name.upper(): str(place) for name, place in places.items() if getattr(self.settings, name) != place}
        try:
            keep(moved)
        except OSError as error:
            note(f"{FILE} cannot be written ({error.strerror}): for other subcommands set {', '.join(moved)}")
        return {name.upper(): place.absolute() for name, place in places.items()}

    def _choose_ports(self) -> None:
        """A port of 0 is a free one. Raises `PortTaken`."""
        ports = {"API_PORT": self.settings.api_port, "METRICS_PORT": self.settings.metrics_port}
        for name, port in ports.items():
            if port and not is_free(port, [self.settings.api_host]):
                raise PortTaken(port, name)
            self._set(**{name: port or free_port([self.settings.api_host])})

    def _set(self, **variables: object) -> None:
        """For this process and those that it starts from now on."""
        os.environ.update({name: str(value) for name, value in variables.items()})
        self.settings = load()

    def _start_process(self, name: str, running: ExitStack) -> None:
        process = ServerProcess(name, [*PROGRAM, name], self._data_dir / "logs" / f"{name}.log")
        running.callback(process.stop, GRACE_SECONDS)
        self._processes.append(process)

    def _wait_ready(self) -> None:
        worker = address(self.settings.api_host, self.settings.metrics_port)
        waited = {"worker": worker, "api": self.api}
        deadline = time.monotonic() + READY_SECONDS
        while waited:
            self.require_alive()
            if time.monotonic() > deadline:
                logs = self._data_dir / "logs"
                raise ServerNotReady(
                    f"not ready within {READY_SECONDS:g} s: {', '.join(waited)}; the logs are in {logs}"
                )
            time.sleep(PAUSE_SECONDS)
            waited = {name: address for name, address in waited.items() if not _is_ready(address)}


async def _prepare(settings: Settings) -> None:
    await migrate.migrate(settings)
    await topics.apply(settings)


def _is_ready(address: str) -> bool:
    return get(address, "/health/ready")[0] == HTTP_OK


def address(host: str, port: int) -> str:
    """Where a client on this machine finds what listens there."""
    host = {"0.0.0.0": LOCALHOST, "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
