"""Worker processes for tests: started, stopped, killed and asked how they are."""

import http.client
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from chat.servers.free_port import free_port
from chat.settings import Settings, load
from streams.run import run
from tests.wait import until

ROOT = Path(__file__).parents[1]
READY_SECONDS = 120.0
ENDING_SECONDS = 120.0
LEAVING_SECONDS = 10.0
REBALANCES = "chat_rebalances_total"
"""The metric that stands still as long as a worker keeps its partitions."""


class WorkerProcess:
    """One worker with a metrics port of its own; its log is in `folder`, and `source` the tree that it runs."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        name: str = "worker",
        program: tuple[str, ...] = (),
        source: Path = ROOT,
    ) -> None:
        self.name = name
        self.port = free_port()
        self.log = folder / f"{name}.log"
        self._folder = folder
        self._environment = environment(settings) | {"METRICS_PORT": str(self.port)}
        self._program = program or ("tests.worker",)
        self._source = source
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "WorkerProcess":
        """Starts it and does not wait."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._program],
                env=os.environ | self._environment | {"PYTHONPATH": str(self._source)},
                cwd=self._folder,  # away from any .env
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to it and to what it has started."""
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL, and waits for the end."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout: float = ENDING_SECONDS) -> int:
        """SIGTERM, and waits for the end; the exit status."""
        self.process.terminate()
        return self.exit_status(timeout)

    def exit_status(self, timeout: float = ENDING_SECONDS) -> int:
        """The exit status, once it has ended."""
        until(lambda: not self.alive, timeout, f"the end of {self.name}")
        return int(self.process.returncode)

    def end(self) -> None:
        """Leaves nothing running. Who is asked first leaves its group at once, for whoever comes next."""
        if self.alive:
            self.process.terminate()
            self.signal(signal.SIGCONT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(LEAVING_SECONDS)
        if self.alive:
            self.kill()

    def until_ready(self, timeout: float = READY_SECONDS) -> "WorkerProcess":
        """Returns when it is in its group and waits for nothing."""
        until(lambda: self._answer_or_dead()[0] == http.client.OK, timeout, f"{self.name} being ready")
        return self

    def _answer_or_dead(self) -> tuple[int, dict[str, Any]]:
        assert self.alive, f"{self.name} ended with {self.process.returncode}"
        return self.ready()

    def ready(self) -> tuple[int, dict[str, Any]]:
        """What `/health/ready` says; status 0 where nothing listens yet."""
        status, body = self.get("/health/ready")
        return status, json.loads(body) if body else {}

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels; 0 where it is not there."""
        lines = self.get("/metrics")[1].splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    def get(self, path: str) -> tuple[int, str]:
        """One request to its port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def left_work(self) -> bool:
        """Whether it had to leave before it had finished and committed all that it held: that will be done again."""
        return bool(self.said("left_under_way") or self.said("ended_without"))

    def tail(self, lines: int = 40) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def said(self, event: str) -> list[dict[str, Any]]:
        """The lines of its log with that event."""
        lines = (line for line in self.log.read_text(errors="replace").splitlines() if line.startswith("{"))
        return [line for line in map(json.loads, lines) if line.get("event") == event]


def environment(settings: Settings) -> dict[str, str]:
    """The environment variables of settings that are not at their default."""
    chosen = settings.model_dump(exclude_defaults=True, mode="json")
    return {name.upper(): _text(value) for name, value in chosen.items()}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    sys.exit(run(load()))
