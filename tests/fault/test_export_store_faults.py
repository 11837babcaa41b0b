"""Stores of bundles that are away, full, or say no: typed errors, nothing half written, and the export goes on."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.errors import BundleStoreFull, BundleStoreRefused, BundleStoreUnavailable, SigningKeyUnfit
from chat.privacy.export import bundle_key
from chat.privacy.export.build import Limits
from chat.privacy.export.folder_store import UNFINISHED, FolderStore
from chat.privacy.export.s3_store import S3Store
from chat.privacy.export.signing import SigningKey
from chat.privacy.export.store import BundleStore
from chat.servers.free_port import free_port
from tests import bundles
from tests.proxy import Proxy
from tests.s3_server import BUCKET, S3Server, s3_server

ONE = "a" * 32
TINY = 256 * 1024


def _calls(store: BundleStore) -> list[Callable[[], Awaitable[Any]]]:
    """One of each kind."""
    return [
        lambda: store.put(ONE, "key", b"x"),
        lambda: store.get(ONE, "key"),
        lambda: store.delete(ONE),
        lambda: anext(aiter(store.bundles())),
    ]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def versioned() -> Iterator[S3Server]:
    with s3_server("transient-nio2") as server:
        yield server


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={TINY},mode=0700", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


def _files(folder: Path) -> list[Path]:
    return [one for one in folder.rglob("*") if one.is_file()]


async def test_a_full_disk_is_told_and_the_export_goes_on_when_there_is_room(tiny_disk: Path) -> None:
    """A real ENOSPC: what was finished stays, what was not leaves nothing behind."""
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(bytes(TINY - 6 * 4096))
    store = FolderStore(tiny_disk / "exports")
    with pytest.raises(BundleStoreFull, match="No space left"):
        await bundles.build(store, bundles.conversation(messages=3_000), limits=Limits(records=500))
    names = {one.name for one in _files(tiny_disk)} - {"ballast"}
    assert "key" in names
    assert not [name for name in names if name.endswith(UNFINISHED)]
    ballast.unlink()
    await bundles.build(store, bundles.conversation(messages=500), limits=Limits(records=500))
    bundles.verified(await bundles.zipped(store))


def test_a_limit_on_files_is_a_full_store(tmp_path: Path) -> None:
    """EFBIG, of a process that may write no large files, is no crash and no damage."""
    program = (
        "import asyncio, sys, pathlib\n"
        "from chat.errors import BundleStoreFull\n"
        "from chat.privacy.export.folder_store import FolderStore\n"
        "store = FolderStore(pathlib.Path(sys.argv[1]))\n"
        "try:\n    asyncio.run(store.put('b', 'n', bytes(100_000)))\n"
        "except BundleStoreFull:\n    sys.exit(9)\n"
    )

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    done = subprocess.run([sys.executable, "-c", program, tmp_path], preexec_fn=limited, check=False)
    assert done.returncode == 9
    assert not _files(tmp_path)


async def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    blocked = tmp_path / "exports"
    blocked.write_text("a file")
    for asked in _calls(FolderStore(blocked))[:2]:
        with pytest.raises(BundleStoreRefused, match="EXPORT_FOLDER"):
            await asked()


async def test_nobody_else_may_read_a_bundle(tmp_path: Path) -> None:
    """Folders 0700, files 0600, whatever the process's mask lets through."""
    store = FolderStore(tmp_path / "exports")
    await bundles.build(store, bundles.conversation())
    for one in (tmp_path / "exports").rglob("*"):
        assert one.stat().st_mode & 0o777 == (0o700 if one.is_dir() else 0o600), one


async def test_wrong_credentials_and_a_missing_bucket_are_refused(s3: S3Server) -> None:
    """By the server itself; the text names no key and no secret."""
    for store in (S3Store(BUCKET, client=s3.client(secret="another")), S3Store("nobodys", client=s3.client())):
        for asked in _calls(store):
            with pytest.raises(BundleStoreRefused, match="S3 says no") as caught:
                await asked()
            assert ONE not in str(caught.value)


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
async def test_a_bucket_that_keeps_versions_deletes_nothing(versioned: S3Server, status: str) -> None:
    """Else its bundles were hidden and there: nobody is told that they are gone, and no other one begins."""
    client = versioned.client()
    client.create_bucket(Bucket=status.lower())
    store = S3Store(status.lower(), client=client)
    await bundles.build(store, bundles.conversation())
    client.put_bucket_versioning(Bucket=status.lower(), VersioningConfiguration={"Status": status})
    with pytest.raises(BundleStoreRefused, match=f"keeps old versions.*{status}"):
        await store.delete(bundles.BUNDLE)
    bundles.verified(await bundles.zipped(store))
    with pytest.raises(BundleStoreRefused, match="keeps old versions"):
        await bundle_key.make_or_find(store, bundles.LocalWrap(), ONE)
    assert [kept.bundle async for kept in store.bundles()] == [bundles.BUNDLE]


async def test_a_server_that_is_not_there_is_away(s3: S3Server) -> None:
    """Every call waits no longer than its client does, and may be made again."""
    store = S3Store(BUCKET, client=s3.client(endpoint=f"http://127.0.0.1:{free_port()}"))
    for asked in _calls(store):
        with pytest.raises(BundleStoreUnavailable):
            await asked()


async def test_an_export_goes_on_after_s3_was_away(s3: S3Server) -> None:
    """Taken away after the third chunk, and given back: the finished chunks are those of before."""
    host, port = s3.endpoint.removeprefix("http://").split(":")
    proxy = Proxy(host, int(port), free_port())
    await proxy.open()
    store = S3Store(BUCKET, client=s3.client(endpoint=f"http://127.0.0.1:{proxy.port}"))
    seen: list[str] = []

    async def take_away(chunk: str) -> None:
        seen.append(chunk)
        if len(seen) == 3:
            await proxy.close()

    builder = bundles.builder(store, limits=Limits(records=10))
    with pytest.raises(BundleStoreUnavailable):
        await builder.build(bundles.conversation(), bundles.subject(), take_away)
    finished = seen[:3]
    await proxy.open()
    await builder.build(bundles.conversation(), bundles.subject(), take_away)
    assert not set(finished) & set(seen[3:]), "a finished chunk was built again"
    bundles.verified(await bundles.zipped(store))
    await proxy.close()


def test_a_signing_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """And one that is none, or of another kind; one that is made is kept."""
    file = tmp_path / "keys" / "signing.pem"
    SigningKey.make(file)
    first = SigningKey.load(file).key_id
    SigningKey.make(file)
    assert SigningKey.load(file).key_id == first
    file.chmod(0o640)
    with pytest.raises(SigningKeyUnfit, match="chmod 600"):
        SigningKey.load(file)
    file.chmod(0o600)
    file.write_text("no key")
    with pytest.raises(SigningKeyUnfit, match="PEM"):
        SigningKey.load(file)
    with pytest.raises(SigningKeyUnfit, match="cannot be read"):
        SigningKey.load(tmp_path / "none.pem")


async def test_a_file_that_goes_while_a_bundle_is_deleted_keeps_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that gives up takes its unfinished file away: all others are deleted all the same."""
    store = FolderStore(tmp_path)
    for name in ("a", "b", "c"):
        await store.put(ONE, name, b"sealed")
    unlink = os.unlink

    def after_the_writer(path: str, *, dir_fd: int | None = None) -> None:
        unlink(path, dir_fd=dir_fd)
        if dir_fd is not None:  # as `rmtree` deletes
            unlink(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", after_the_writer)
    await store.delete(ONE)
    assert [one async for one in store.bundles()] == []


def test_a_killed_writer_leaves_only_what_is_finished(tmp_path: Path) -> None:
    """SIGKILL in the middle of an export into a folder; the next run ends with a good bundle."""
    folder = tmp_path / "exports"
    program = (
        "import asyncio, sys, pathlib\n"
        "from chat.privacy.export.build import Limits\n"
        "from chat.privacy.export.folder_store import FolderStore\n"
        "from tests import bundles\n"
        "store = FolderStore(pathlib.Path(sys.argv[1]))\n"
        "async def told(chunk):\n    print(chunk, flush=True)\n"
        "asyncio.run(bundles.builder(store, limits=Limits(records=50)).build(\n"
        "    bundles.conversation(messages=5_000), bundles.subject(), told))\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    told = [worker.stdout.readline().strip() for _ in range(6)]
    worker.kill()
    worker.wait()
    worker.stdout.close()
    there = {str(one.relative_to(folder).relative_to(bundles.BUNDLE)) for one in _files(folder)}
    assert set(told) <= there
    assert "contents" not in there
    asyncio.run(bundles.build(FolderStore(folder), bundles.conversation(messages=5_000), limits=Limits(records=50)))
    content = asyncio.run(bundles.zipped(FolderStore(folder)))
    bundles.verified(content)
    assert len(bundles.lines(bundles.members(content), "messages")) == 15_000
