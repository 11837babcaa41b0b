"""The servers' jars: locked coordinates in, files with the right sha256 out.

The lock files are in jgo's own format. jgo also knows the Maven cache and its settings.
"""

from collections.abc import Sequence
from pathlib import Path

from jgo.config import GlobalSettings
from jgo.env import LockedDependency, LockFile

from chat.servers.download import download, sha256


def fetch(servers: Sequence[str]) -> dict[str, list[Path]]:
    """Class path of each server, every jar checked; what the Maven cache lacks or holds damaged is downloaded.

    Raises DownloadRefused where a jar cannot be had, ArtefactDamaged where the repository's has another sha256.
    """
    cache = Path(GlobalSettings.load().repo_cache)
    jars = {server: locked(server) for server in servers}
    missing = {path_in(cache, jar): jar for each in jars.values() for jar in each if not is_whole(cache, jar)}
    if missing:
        download(missing, cache, " and ".join(server.capitalize() for server in servers))
    return {server: [path_in(cache, jar) for jar in each] for server, each in jars.items()}


def lock_file(server: str) -> Path:
    """Where the coordinates of `server` ("kafka", "cassandra", or the tests' "s3proxy" and "apicurio") are locked."""
    return Path(__file__).with_name(f"{server}.lock.toml")


def locked(server: str) -> list[LockedDependency]:
    """The jars of `server`, in the order of the class path."""
    dependencies: list[LockedDependency] = LockFile.load(lock_file(server)).dependencies
    return dependencies


def path_in(cache: Path, jar: LockedDependency) -> Path:
    """Where a Maven cache keeps the jar."""
    classifier = f"-{jar.classifier}" if jar.classifier else ""
    name = f"{jar.artifactId}-{jar.version}{classifier}.{jar.packaging}"
    return cache.joinpath(*jar.groupId.split("."), jar.artifactId, jar.version, name)


def is_whole(cache: Path, jar: LockedDependency) -> bool:
    """Whether the cache holds the jar with the locked sha256."""
    path = path_in(cache, jar)
    return path.is_file() and sha256(path) == jar.sha256
