"""What both servers have in common: started in their folder, waited for, stopped."""

import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chat.errors import ServerDied, ServerNotReady
from chat.servers.folder import DataFolder
from chat.servers.process import ServerProcess, tail

READY_SECONDS = 120.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Program:
    """A Java, and the server's jars."""

    java: Path
    class_path: Sequence[Path]

    def command(self, options: Sequence[str], main_class: str, *arguments: str) -> list[str]:
        """The command line that runs `main_class`."""
        jars = ":".join(str(jar) for jar in self.class_path)
        return [str(self.java), *options, "-cp", jars, main_class, *arguments]


def heap(megabytes: int, *, whole: bool = False) -> list[str]:
    """Java options for a heap that starts small, for Cassandra locks what it starts with into memory.

    Each time that it grows, and when it is nearly full, the program stands still for tenths of a second; for load it
    has to be `whole` from the start, and large.
    """
    first = megabytes if whole else 64
    return [f"-Xms{first}m", f"-Xmx{megabytes}m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"]


def compiler(*, c2: bool) -> list[str]:
    """Java options: the quick compiler alone, which starts sooner, or the strong one too, for load."""
    return [] if c2 else ["-XX:TieredStopAtLevel=1"]


class Server(ABC):
    """One embedded server. After `stop` or `kill` it can be started again, on the same data and port."""

    def __init__(self, name: str, folder: DataFolder, program: Program) -> None:
        self.name = name
        self.folder = folder
        self.program = program
        self.data = folder.path / name
        self.log = folder.path / "logs" / f"{name}.log"
        self.process: ServerProcess | None = None

    @abstractmethod
    def prepare(self) -> list[str]:
        """Check ports, write configuration; the command line to run. Raises PortTaken."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server serves a client's request now."""

    def launch(self) -> None:
        """Start the process and do not wait. Raises PortTaken, ServerDied."""
        command = self.prepare()
        self.process = ServerProcess(self.name, command, self.log, [self.folder.running])

    def wait_ready(self) -> None:
        """Return when the server answers. Raises ServerDied, ServerNotReady after two minutes."""
        self.wait_until(self.answers)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return when `condition` holds. Raises ServerDied, ServerNotReady after two minutes."""
        deadline = time.monotonic() + READY_SECONDS
        while not condition():
            self.require_alive()
            if time.monotonic() > deadline:
                raise ServerNotReady(f"{self.name} does not answer after {READY_SECONDS:.0f} s; see {self.log}")
            time.sleep(POLL_SECONDS)

    def start(self) -> None:
        self.launch()
        self.wait_ready()

    def require_alive(self) -> None:
        """Raises ServerDied, with the last lines of the log, where the process has ended."""
        if not self.alive:
            raise ServerDied(self.name, self.log, tail(self.log))

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.alive

    @property
    def pid(self) -> int:
        """The Java process. Raises ServerDied where the server was never started."""
        if self.process is None:
            raise ServerDied(self.name, self.log, ["it was not started"])
        return self.process.pid

    def terminate(self) -> None:
        """SIGTERM, without waiting for the end."""
        if self.process is not None:
            self.process.terminate()

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """SIGTERM and wait for the end; SIGKILL after `grace` seconds."""
        if self.process is not None:
            self.process.stop(grace)

    def kill(self) -> None:
        """SIGKILL and wait for the end."""
        if self.process is not None:
            self.process.kill()

    def pause(self) -> None:
        """SIGSTOP: connections stay, nothing answers."""
        if self.process is not None:
            self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT, after `pause`."""
        if self.process is not None:
            self.process.signal(signal.SIGCONT)

    def scratch(self) -> Path:
        """An empty folder for the native libraries that Java unpacks: those of a killed server do not pile up."""
        folder = self.folder.path / "tmp" / self.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder
