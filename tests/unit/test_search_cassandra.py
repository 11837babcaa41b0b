"""What Cassandra wrote is searched: names, cells, wrapped keys, in compressed files too, at every border."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cramjam
import pytest

from chat.domain.model import Learner, LearnerId
from chat.errors import CellDamaged, FileDamaged, KeyStoreUnavailable, KeyStoreUnfit
from chat.privacy.envelope import DataKey, bound, new_key
from chat.privacy.export.chunk import BundleSeal, Head
from chat.privacy.key_folder import KeyFolder
from chat.privacy.search import sstable
from chat.privacy.search.cells import CellSearch
from chat.privacy.search.disk import DiskSearch, Wanted
from chat.privacy.search.needles import Needles
from chat.privacy.search.surviving_keys import KeySearch, SurvivingKey
from chat.privacy.search.windows import AFTER, SIZE, Window, windows
from chat.privacy.traces import Searched, Trace, What
from tests.records import SUBJECTS, uid

LEARNER = Learner("tenant-1", "learner-1")
OTHER = Learner("tenant-1", "learner-12")
CHUNK = 1 << 14


def lost(*_: object) -> str:
    raise CellDamaged("no key")


WHOSE = Searched(LEARNER, lost)
PACK: dict[str, Callable[[bytes], bytes]] = {
    "LZ4Compressor": lambda data: (
        struct.pack("<I", len(data)) + bytes(cramjam.lz4.compress_block(data, store_size=False))
    ),
    "SnappyCompressor": lambda data: bytes(cramjam.snappy.compress_raw(data)),
    "DeflateCompressor": zlib.compress,
    "ZstdCompressor": lambda data: bytes(cramjam.zstd.compress(data)),
}


def partition_key(learner: Learner) -> bytes:
    """As Cassandra writes the key of a learner's partition: each part with its length before it."""
    parts = [learner.tenant_id.encode(), learner.learner_id.encode(), (1).to_bytes(4)]
    return b"".join(len(one).to_bytes(2) + one + b"\0" for one in parts)


def value(content: bytes) -> bytes:
    """As Cassandra writes a cell's value: its length as a vint."""
    length = len(content)
    head = bytes([length]) if length < 128 else (0x8000 | length).to_bytes(2)
    return b"\x08" + head + content


def write(folder: Path, data: bytes, compressor: str) -> Path:
    """A data file with its CompressionInfo, as Cassandra 5.0 makes them."""
    offsets, packed = [], b""
    for start in range(0, len(data), CHUNK):
        chunk = PACK[compressor](data[start : start + CHUNK])
        offsets.append(len(packed))
        packed += chunk + zlib.crc32(chunk).to_bytes(4)
    name = compressor.encode()
    info = struct.pack(">H", len(name)) + name + struct.pack(">i", 0)
    info += struct.pack(">iiqi", CHUNK, 0x7FFFFFFF, len(data), len(offsets)) + struct.pack(
        f">{len(offsets)}q", *offsets
    )
    (folder / "nb-1-big-CompressionInfo.db").write_bytes(info)
    path = folder / "nb-1-big-Data.db"
    path.write_bytes(packed)
    return path


async def traces(path: Path, *texts: str, keys: tuple[SurvivingKey, ...] = ()) -> list[Trace]:
    return [one async for one in DiskSearch([]).traces(path, Wanted(WHOSE, texts, keys))]


@pytest.mark.parametrize("compressor", PACK)
async def test_a_compressed_data_file_is_searched(tmp_path: Path, compressor: str) -> None:
    """Words that lie across two chunks too, at their place in what was compressed."""
    data = (b"." * (CHUNK - 5) + b"an unmistakable canary" + b"." * CHUNK) * 2
    path = write(tmp_path, data, compressor)
    assert path.stat().st_size < len(data) / 10
    found = await traces(tmp_path, "an unmistakable canary")
    again = 2 * CHUNK + 17 + CHUNK - 5
    assert [one.place for one in found] == [f"{path}@{CHUNK - 5}", f"{path}@{again}"]


@pytest.mark.parametrize("damage", ["chunk", "info", "compressor"])
async def test_a_file_that_cannot_be_decoded_is_told(tmp_path: Path, damage: str) -> None:
    """It is `unread`, never passed over."""
    path = write(tmp_path, b"." * CHUNK * 2, "LZ4Compressor")
    info = path.with_name("nb-1-big-CompressionInfo.db")
    if damage == "chunk":
        path.write_bytes(path.read_bytes()[:-5] + b"?????")
    elif damage == "info":
        info.write_bytes(info.read_bytes()[:-4])
    else:
        info.write_bytes(info.read_bytes().replace(b"LZ4", b"XYZ"))
    with pytest.raises(FileDamaged):
        list(sstable.decompressed(path))
    assert (What.UNREAD, str(path)) in [(one.what, one.place) for one in await traces(path)]


async def test_a_data_file_alone_is_told(tmp_path: Path) -> None:
    """It may be compressed; with its checksums beside it, it is not."""
    path = write(tmp_path, b"an unmistakable canary" * CHUNK, "LZ4Compressor")
    path.with_name("nb-1-big-CompressionInfo.db").unlink()
    assert [(one.what, one.place) for one in await traces(tmp_path)] == [(What.UNREAD, str(path))]
    path.write_bytes(b"an unmistakable canary")
    path.with_name("nb-1-big-CRC.db").touch()
    assert [one.what for one in await traces(tmp_path, "an unmistakable canary")] == [What.WORDS]


def commit_log(parameters: bytes) -> bytes:
    """As Cassandra begins one: version, id, the length of the parameters, those, a checksum."""
    return struct.pack(">iqH", 7, 1, len(parameters)) + parameters + b"?crc"


def hints(parameters: bytes) -> bytes:
    """As Cassandra begins them: version, time, host, the length of the parameters, its checksum, those, a checksum."""
    return struct.pack(">iq16sI4s", 1, 1, b"host", len(parameters), b"?crc") + parameters + b"?crc"


@pytest.mark.parametrize(("name", "head"), [("CommitLog-7-1.log", commit_log), ("0a-1-1.hints", hints)])
async def test_a_log_is_read_where_its_head_says_that_it_is_plain(
    tmp_path: Path, name: str, head: Callable[[bytes], bytes]
) -> None:
    """Else it is told, also where its head cannot be read. Nothing is in one that was made in advance."""
    path, words = tmp_path / name, b"an unmistakable canary"

    async def found(content: bytes) -> list[What]:
        path.write_bytes(content)
        return [one.what for one in await traces(path, words.decode())]

    assert await found(head(b"{}") + words) == [What.WORDS]
    for parameters in (b'{"compressionClass":"LZ4Compressor"}', b'{"encCipher":"AES"}', b"?"):
        assert await found(head(parameters) + words) == [What.UNREAD]
    assert await found(head(b"{}")[:9]) == [What.UNREAD]
    assert await found(bytes(100)) == []


def test_windows_lose_nothing_and_find_nothing_twice() -> None:
    """Each place of a stream belongs to one window, which has what is around it."""
    stream = bytes(range(256)) * ((3 * SIZE) // 256 + 7)
    blocks = [stream[start : start + 70_001] for start in range(0, len(stream), 70_001)]
    covered = 0
    for one in windows(blocks):
        assert one.at + one.first == covered
        assert one.data == stream[one.at : one.at + len(one.data)]
        assert one.at + one.end + AFTER <= len(stream) or one.at + len(one.data) == len(stream)
        covered = one.at + one.end
    assert covered == len(stream)


def names(data: bytes, *, by_tenant: bool = True) -> list[int]:
    whole = Window(0, data, 0, len(data))
    return [one.place for one in Needles(LEARNER).names(whole, by_tenant=by_tenant)]


def test_a_name_is_found_behind_its_length_or_alone() -> None:
    """Not inside another name; where Cassandra wrote it, only behind its tenant's."""
    assert names(partition_key(LEARNER)) == [13]
    assert names(partition_key(OTHER)) == []
    assert names(b"\x10tenant-1\x12learner-1\x48" + uid(1, 1).encode()) == [10]  # Avro: what follows may be a letter
    assert names(b'{"tenant_id":"tenant-1","learner_id":"learner-1"}') == [38]
    assert names(b"tenant-2 learner-1") == []
    assert names(b"tenant-2 learner-1", by_tenant=False) == [9]
    assert names(b"tenant-1 my-learner-1 learner-1a", by_tenant=False) == []


KEY = SurvivingKey(bytes(range(32)), 1, 1, "an epoch")
CELL = DataKey(KEY.key, 1, LearnerId(*LEARNER, 1)).seal("the sealed words", "content", uid(1, 1), uid(2, 1))


def cells(data: bytes, *keys: SurvivingKey) -> list[tuple[int, bool]]:
    search = CellSearch(LEARNER, keys)
    return [(one.place, one.sealed) for window in windows([data]) for one in search.look(window)]


def test_readable_cells_of_the_learners_partitions_are_found() -> None:
    """Plain ones always; sealed ones where the key survived; never another's, nor what no key opens."""
    row = value(b"\0plain words") + value(CELL)
    mine, others = partition_key(LEARNER) + row, partition_key(OTHER) + row
    start = len(partition_key(LEARNER)) + 2
    assert cells(mine + others) == [(start, False)]
    assert cells(mine + others, KEY) == [(start, False), (start + 14, True)]
    assert cells(others + mine, KEY) == [(len(others) + start, False), (len(others) + start + 14, True)]
    assert cells(mine, SurvivingKey(new_key(), 1, 1, "")) == [(start, False)]


@pytest.mark.parametrize("kept", range(2, len(CELL)))
def test_a_stream_may_end_anywhere_in_a_cell(kept: int) -> None:
    """What only looks like a cell's beginning is none; eight characters tell that the key fits."""
    found = cells(partition_key(LEARNER) + value(CELL)[: kept + 2], KEY)
    assert bool(found) is (kept >= 2 + 12 + 8)


def test_what_is_sealed_is_not_taken_for_plain_words() -> None:
    """Megabytes that nobody can open are nothing; behind them four characters are found, among them a sentence is."""
    key = DataKey(new_key(), 1, LearnerId(*LEARNER, 1))
    ids = [uid(2, number) for number in range(500)]
    sealed = b"".join(value(key.seal("w" * 4_000, "content", uid(1, 1), one)) for one in ids)
    assert cells(partition_key(LEARNER) + sealed) == []
    short, long = value(b"\0help"), value(b"\0a sentence of some length")
    assert len(cells(partition_key(LEARNER) + sealed + short)) == 1
    for within, readable in ((short, 0), (long, 1)):
        torn = sealed[:2_000] + within + sealed[2_000 + len(within) :]
        assert len(cells(partition_key(LEARNER) + torn)) == readable


def test_where_a_stream_ends_only_what_is_there_counts() -> None:
    """A length that goes beyond the end makes no sentence of the four characters before it."""
    within = value(b"\1\1" + b"\xff" * 300)[:200]
    assert cells(partition_key(LEARNER) + within + b"\x50\0help") == []
    assert len(cells(partition_key(LEARNER) + b"\x50\0help")) == 1
    assert len(cells(partition_key(LEARNER) + within + b"\x50\0a sentence of some length")) == 1


def test_a_long_partition_is_followed_from_window_to_window() -> None:
    """A cell a megabyte behind the partition's key is the learner's."""
    filler = partition_key(LEARNER) + b"\xff" * (2 * SIZE)
    assert cells(filler + value(CELL), KEY) == [(len(filler) + 2, True)]
    assert cells(filler + partition_key(OTHER) + value(CELL), KEY) == []


class SometimesAway(KeyFolder):
    """A key store that cannot be asked while `away`."""

    away = False

    async def unwrap(self, epoch: str, wrapped: bytes, place: str) -> bytes:
        if self.away:
            raise KeyStoreUnavailable("nobody answers")
        return await super().unwrap(epoch, wrapped, place)


SUBJECT = SUBJECTS.of(LEARNER)


@pytest.fixture
def keyring(tmp_path: Path) -> SometimesAway:
    folder = tmp_path / "keys"
    KeyFolder.make(folder)
    return SometimesAway(folder)


async def wrapped_in(keyring: KeyFolder, epoch: str) -> bytes:
    return await keyring.wrap(epoch, KEY.key, bound(SUBJECT.hex(), "2", "3"))


def key_row(epoch: str, wrapped: bytes) -> bytes:
    return SUBJECT + b"\x3c\x3c" + value(epoch.encode()) + (3).to_bytes(4) + value(wrapped)


async def test_a_wrapped_key_is_found_wherever_its_row_lies(tmp_path: Path, keyring: KeyFolder) -> None:
    """As long as the key-encryption key of its epoch is left, in whichever folder; then never again."""
    epoch = await keyring.new_epoch()
    file = tmp_path / "anything"
    file.write_bytes(b"?" * 5_000 + key_row(epoch, await wrapped_in(keyring, epoch)))

    async def found(generations: int) -> list[tuple[str, SurvivingKey]]:
        search = KeySearch(SUBJECT, generations, [keyring])
        return [(one.place, one.key) async for one in DiskSearch([keyring]).keys(file, search)]

    assert await found(2) == [(f"{file}@5000", SurvivingKey(KEY.key, 2, 3, epoch))]
    assert await found(1) == []
    await keyring.destroy(epoch)
    assert await found(2) == []


async def opened(search: KeySearch, data: bytes) -> list[SurvivingKey]:
    return [one.key async for one in search.look(Window(0, data, 0, len(data)))]


async def test_a_key_store_that_is_away_ends_the_search(keyring: SometimesAway) -> None:
    """It proves nothing of a copy, which is tried again; so does a key file that is not private."""
    epoch = await keyring.new_epoch()
    row, search = key_row(epoch, await wrapped_in(keyring, epoch)), KeySearch(SUBJECT, 2, [keyring])
    keyring.away = True
    with pytest.raises(KeyStoreUnavailable):
        await opened(search, row)
    keyring.away = False
    assert await opened(search, row) == [SurvivingKey(KEY.key, 2, 3, epoch)]
    file = keyring._file(epoch)
    file.chmod(0o644)
    with pytest.raises(KeyStoreUnfit, match="lets others in"):
        await opened(KeySearch(SUBJECT, 2, [KeyFolder(file.parent)]), row)


async def test_a_copy_is_tried_in_each_epoch_that_stands_near(keyring: KeyFolder) -> None:
    """Beside another one than its own it is not opened, which says nothing of its own."""
    epoch, other = [await keyring.new_epoch() for _ in range(2)]
    wrapped, search = await wrapped_in(keyring, epoch), KeySearch(SUBJECT, 2, [keyring])
    assert await opened(search, key_row(other, wrapped)) == []
    assert await opened(search, key_row(epoch, wrapped)) == [SurvivingKey(KEY.key, 2, 3, epoch)]


async def test_a_bundle_is_sealed_only_where_no_key_opens_it(tmp_path: Path, keyring: SometimesAway) -> None:
    """A key store that is away may open it: that is no outcome."""
    bundle = tmp_path / ("0a" * 16)
    bundle.mkdir()
    epoch, key = await keyring.new_epoch(), new_key()
    wrapped = await keyring.wrap(epoch, key, f"export bundle {bundle.name}")
    (bundle / "key").write_bytes(epoch.encode() + b"\0" + wrapped)
    head = Head((), {}, None, ends=True, read_from=0, read_to=0)
    chunk = BundleSeal(bundle.name, key).seal("messages", head, b"an unmistakable canary")
    (bundle / "messages").write_bytes(chunk)

    async def found() -> list[What]:
        wanted = Wanted(WHOSE, ["an unmistakable canary"])
        return [one.what async for one in DiskSearch([keyring]).traces(bundle, wanted)]

    assert await found() == [What.WORDS]
    keyring.away = True
    with pytest.raises(KeyStoreUnavailable):
        await found()
    await keyring.destroy(epoch)
    assert await found() == []
