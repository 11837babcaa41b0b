"""Downloads jars into a Maven cache, a few at a time.

jgo knows the repositories and their settings. A jar comes into the cache in one step and only after its sha256 was
right, so that neither an interrupted download nor a damaged one leaves anything behind.
"""

import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from jgo.config import GlobalSettings
from jgo.env import LockedDependency
from jgo.maven import MavenContext, PythonResolver

from chat.errors import ArtefactDamaged, DownloadRefused
from chat.servers.progress import shown

AT_ONCE = 8
ATTEMPTS = 3
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 20
ADVICE = (
    "Name another repository in jgo's settings file ([repositories] central = ...; JGO_CONFIG_FILE says which file), "
    "or set HTTPS_PROXY and REQUESTS_CA_BUNDLE, or put the jars into a Maven cache and set M2_REPO to it."
)


def download(jars: Mapping[Path, LockedDependency], cache: Path, what: str) -> None:
    """Fetch every jar to its path in the cache. Raises DownloadRefused, ArtefactDamaged."""
    with _staging(cache) as staging, shown(what, len(jars)) as progress, ThreadPoolExecutor(AT_ONCE) as pool:
        resolver = PythonResolver(progress_callback=progress.jar)
        context = configured(MavenContext(resolver=resolver, repo_cache=staging, timeout=TIMEOUT_SECONDS))
        futures = [pool.submit(_download_one, context, target, jar) for target, jar in jars.items()]
        try:
            for future in as_completed(futures):
                future.result()
                progress.jar_done()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def sha256(path: Path) -> str:
    """Of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def configured(context: MavenContext) -> MavenContext:
    """The context, with the repositories of jgo's settings over its own."""
    context.remote_repos.update(GlobalSettings.load().repositories)
    return context


@contextmanager
def _staging(cache: Path) -> Iterator[Path]:
    """A folder on the cache's own file system."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".chat-", dir=cache, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except OSError as error:
        raise DownloadRefused(f"cannot write to the Maven cache {cache}: {error.strerror}. {ADVICE}") from error


def _download_one(context: MavenContext, target: Path, jar: LockedDependency) -> None:
    staged = _resolved(context, jar)
    if (found := sha256(staged)) != jar.sha256:
        raise ArtefactDamaged(f"{staged.name} was downloaded with sha256 {found}, but {jar.sha256} is locked. {ADVICE}")
    target.parent.mkdir(parents=True, exist_ok=True)
    staged.replace(target)


def _resolved(context: MavenContext, jar: LockedDependency) -> Path:
    """The downloaded jar. jgo says a refusal with a RuntimeError, a broken line with an error of requests."""
    artefact = _artefact(context, jar)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            path: Path = artefact.resolve()
        except (requests.RequestException, RuntimeError) as error:
            artefact.cached_path.unlink(missing_ok=True)
            if attempt == ATTEMPTS:
                raise DownloadRefused(f"cannot download {artefact.filename}: {_reason(error)}. {ADVICE}") from error
            time.sleep(attempt * PAUSE_SECONDS)
        else:
            return path
    raise AssertionError("the last attempt returns or raises")


def _artefact(context: MavenContext, jar: LockedDependency) -> Any:
    component = context.project(jar.groupId, jar.artifactId).at_version(jar.version)
    return component.artifact(jar.classifier or "", jar.packaging)


def _reason(error: Exception) -> str:
    """What went wrong, without the repository's address."""
    return "the repository refused it or lacks it" if isinstance(error, RuntimeError) else type(error).__name__
