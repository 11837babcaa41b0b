"""Jars from a repository on this machine: checked, cached, refused."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from jgo.env import LockedDependency, LockFile

from chat.errors import ArtefactDamaged, DownloadRefused
from chat.servers import artefacts, download
from chat.servers.free_port import free_port
from chat.servers.lock import write_lock

JAR = b"the bytes of a jar"
POM = b"""<project><modelVersion>4.0.0</modelVersion>
<groupId>org.example</groupId><artifactId>toy</artifactId><version>1.0</version></project>"""
FOLDER = "/org/example/toy/1.0/"


class Repository(ThreadingHTTPServer):
    """Serves `files` by path, and 404 for all else, and for the first `refusals` requests of each path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {FOLDER + "toy-1.0.jar": JAR, FOLDER + "toy-1.0.pom": POM}
        self.asked: list[str] = []
        self.refusals = 0


class Handler(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        refused = self.server.asked.count(self.path) <= self.server.refusals
        body = None if refused else self.server.files.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Not on the tests' output."""


@pytest.fixture
def repository() -> Iterator[Repository]:
    with Repository() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Maven cache, with jgo set to the repository on this machine."""
    name_repository(tmp_path, monkeypatch, repository.server_port)
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    return tmp_path / "m2"


def name_repository(folder: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    settings = folder / "jgo.conf"
    settings.write_text(f"[repositories]\ncentral = http://127.0.0.1:{port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))


@pytest.fixture
def jar(monkeypatch: pytest.MonkeyPatch) -> LockedDependency:
    """The only locked jar."""
    toy = LockedDependency("org.example", "toy", "1.0", sha256=hashlib.sha256(JAR).hexdigest())
    monkeypatch.setattr(artefacts, "locked", lambda _server: [toy])
    return toy


@pytest.fixture
def cached(cache: Path, jar: LockedDependency) -> Path:
    return artefacts.path_in(cache, jar)


def test_a_missing_jar_is_downloaded_once(cached: Path, repository: Repository) -> None:
    """The first call fills the cache, the second asks nobody."""
    assert artefacts.fetch(["toy"]) == {"toy": [cached]}
    assert cached.read_bytes() == JAR
    repository.asked.clear()
    artefacts.fetch(["toy"])
    assert repository.asked == []


def test_a_damaged_cached_jar_is_fetched_again(cached: Path) -> None:
    """A cached jar with another sha256 is replaced by the right one."""
    cached.parent.mkdir(parents=True)
    cached.write_bytes(JAR[:5])
    artefacts.fetch(["toy"])
    assert cached.read_bytes() == JAR


def test_a_wrong_jar_never_enters_the_cache(cached: Path, repository: Repository) -> None:
    """A repository that serves other bytes ends in ArtefactDamaged and an untouched cache."""
    repository.files[FOLDER + "toy-1.0.jar"] = b"something else"
    with pytest.raises(ArtefactDamaged, match=r"toy-1\.0\.jar"):
        artefacts.fetch(["toy"])
    assert not cached.exists()


def test_a_refusal_says_what_to_set(cached: Path, repository: Repository) -> None:
    """A jar that the repository does not give ends in DownloadRefused with the three ways out."""
    repository.files.clear()
    with pytest.raises(DownloadRefused) as refusal:
        artefacts.fetch(["toy"])
    assert not cached.exists()
    for way_out in ("repositories", "HTTPS_PROXY", "M2_REPO"):
        assert way_out in str(refusal.value)
    assert "127.0.0.1" not in str(refusal.value)


@pytest.mark.usefixtures("cached")
def test_a_repository_out_of_reach_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listening there is DownloadRefused too, and names the kind of failure."""
    name_repository(tmp_path, monkeypatch, free_port())
    with pytest.raises(DownloadRefused, match="ConnectionError"):
        artefacts.fetch(["toy"])


@pytest.mark.usefixtures("jar")
def test_a_cache_that_cannot_be_written_is_a_refusal(cache: Path) -> None:
    """Where the Maven cache is no folder, the error names it."""
    cache.write_text("a file in the folder's place")
    with pytest.raises(DownloadRefused, match="m2"):
        artefacts.fetch(["toy"])


def test_a_hiccup_is_tried_again(cached: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the repository refuses at first and gives a moment later is downloaded."""
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.01)
    repository.refusals = 1
    artefacts.fetch(["toy"])
    assert cached.read_bytes() == JAR


@pytest.mark.usefixtures("cache")
def test_a_lock_holds_the_sha256_of_what_was_resolved(tmp_path: Path) -> None:
    """A lock file written anew has version and sha256 of every jar."""
    file = tmp_path / "toy.lock.toml"
    write_lock("toy", ("org.example:toy:1.0!",), file)
    (locked,) = LockFile.load(file).dependencies
    assert (locked.artifactId, locked.version) == ("toy", "1.0")
    assert locked.sha256 == hashlib.sha256(JAR).hexdigest()
