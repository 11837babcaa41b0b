"""A real schema registry for the tests: Apicurio 2.6.13 with Confluent's interface, its schemas in a file."""

import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.schema_registry import SchemaRegistryClient

from chat.servers.artefacts import fetch
from chat.servers.free_port import LOCALHOST, free_port
from chat.servers.java import find_java
from chat.servers.process import ServerProcess
from chat.servers.server import compiler, heap
from tests.wait import until

READY_SECONDS = 90.0
GRACE_SECONDS = 10.0


class RegistryServer:
    """It keeps its port and its schemas over `stop` and `start`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"http://{LOCALHOST}:{self._port}/apis/ccompat/v7"
        (archive,) = fetch(["apicurio"])["apicurio"]
        with tarfile.open(archive) as packed:
            packed.extractall(folder / "program", filter="data")
        (self._jar,) = (folder / "program").glob("*-runner.jar")
        self.process: ServerProcess | None = None

    def start(self) -> "RegistryServer":
        """Starts it and does not wait."""
        self.process = ServerProcess("apicurio", self._command(), self._folder / "apicurio.log")
        return self

    def until_ready(self) -> "RegistryServer":
        """Returns when it answers."""
        until(self._answers, READY_SECONDS, "the schema registry")
        return self

    def stop(self) -> None:
        """SIGTERM, and waits for the end."""
        if self.process is not None:
            self.process.stop(GRACE_SECONDS)

    def lose_all(self) -> None:
        """Loses its schemas, while it is stopped: it counts its ids from 1 again."""
        for file in self._folder.glob("schemas*"):
            file.unlink()

    def client(self) -> SchemaRegistryClient:
        """Confluent's own client."""
        return SchemaRegistryClient({"url": self.url})

    def forget(self, subject: str) -> None:
        """Deletes a subject for good: nobody has its ids any more."""
        client = self.client()
        client.delete_subject(subject)
        client.delete_subject(subject, permanent=True)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.alive
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=2) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except OSError:
            return False

    def _command(self) -> list[str]:
        settings = {
            "quarkus.http.host": LOCALHOST,
            "quarkus.http.port": str(self._port),
            "quarkus.datasource.jdbc.url": f"jdbc:h2:file:{self._folder / 'schemas'}",
        }
        options = [f"-D{name}={value}" for name, value in settings.items()]
        return [str(find_java()), *heap(192), *compiler(c2=False), *options, "-jar", str(self._jar)]


@contextmanager
def registry_server() -> Iterator[RegistryServer]:
    """A registry without a schema, in a folder of its own; it is starting."""
    with tempfile.TemporaryDirectory(prefix="chat-registry-") as folder:
        server = RegistryServer(Path(folder))
        try:
            yield server.start()
        finally:
            server.stop()
