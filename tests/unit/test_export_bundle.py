"""A bundle: what is in it, what is left out, and that every change of it is found."""

import json
import re
from html.parser import HTMLParser
from importlib import resources
from io import BytesIO
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jsonschema import Draft202012Validator

from chat.errors import BundleDamaged, BundleGone
from chat.privacy.export.build import Limits, read_contents
from chat.privacy.export.chunk import BundleSeal
from chat.privacy.export.download import Download
from chat.privacy.export.policy import Article
from chat.privacy.export.store import bundle_id
from tests import bundles
from tests.api_client import LEARNER, TENANT, message_at
from tests.bundles import MemoryReads, MemoryStore, Spoil
from tests.records import NOW, uid

SMALL = Limits(records=10)


async def exported(reads: MemoryReads, article: Article = Article.ACCESS, **options: Any) -> dict[str, bytes]:
    """The files of a bundle that the script for compliance officers finds good."""
    store = MemoryStore()
    await bundles.build(store, reads, article, **options)
    content = await bundles.zipped(store)
    bundles.verified(content)
    return bundles.members(content)


async def test_everything_is_in_it_once_and_in_order() -> None:
    """Over many threads, buckets and chunks, no message is missing or stands twice."""
    reads = bundles.conversation(messages=1_203, threads=5)
    files = await exported(reads, limits=Limits(records=700))
    said = [(one["thread_id"], one["seq"], one["content"]) for one in bundles.lines(files, "messages")]
    assert said == [(uid(1, n), seq, f"message {seq}") for n in range(1, 6) for seq in range(1, 1_204)]
    assert [one["thread_id"] for one in bundles.lines(files, "threads")] == [uid(1, n) for n in range(1, 6)]
    assert len(bundles.lines(files, "read_marks")) == 10
    manifest = json.loads(files["manifest.json"])
    assert manifest["counts"] == {
        "threads": 5,
        "messages": 6_015,
        "deleted_messages": 0,
        "attachments": 0,
        "read_marks": 10,
    }


async def test_chunks_are_bounded_by_rows_and_by_bytes() -> None:
    """A learner with long messages makes more chunks, not larger ones."""
    reads = MemoryReads()
    reads.add(1, [message_at(seq, content="x" * 10_000) for seq in range(1, 101)])
    files = await exported(reads, limits=Limits(records=60, size=200_000))
    sizes = [len(file) for path, file in files.items() if re.fullmatch(r"messages/\d+\.jsonl", path)]
    assert len(sizes) == 5
    assert max(sizes) < 200_000 + 11_000


async def test_every_line_is_as_its_schema_says() -> None:
    """Husks, replies, attachments and what is withheld among them."""
    reads = bundles.conversation()
    attachment = {"uri": "s3://files/1", "media_type": "image/png", "bytes": 9, "sha256": "00"}
    changes: list[dict[str, Any]] = [
        {"content": None, "deleted_at": NOW + 9},
        {"reply_to": uid(2, 1)},
        {"metadata": json.dumps({"attachments": [attachment]})},
    ]
    reads.add(9, [message_at(seq, 9, sender_id=LEARNER, **change) for seq, change in enumerate(changes, 1)])
    for article in Article:
        files = await exported(reads, article)
        for section, schema in (("threads", "thread"), ("messages", "message"), ("read_marks", "read_mark")):
            validator = Draft202012Validator(json.loads(files[f"schemas/{schema}.schema.json"]))
            for line in bundles.lines(files, section):
                validator.validate(line)
        counts = json.loads(files["manifest.json"])["counts"]
        assert (counts["deleted_messages"], counts["attachments"]) == (1, 1)


async def test_expired_and_deleted_messages_are_told_apart() -> None:
    """A husk is a line without words; what has expired has no line and is counted, before, between and behind."""
    reads = MemoryReads()
    husk = message_at(4, content=None, deleted_at=NOW + 9)
    reads.add(1, [husk, message_at(5), message_at(8)], last_seq=600)
    files = await exported(reads)
    told = {one["what"]: one["count"] for one in json.loads(files["manifest.json"])["left_out"]}
    assert told["expired_messages"] == 597
    assert [(one["seq"], one["content"]) for one in bundles.lines(files, "messages")] == [
        (4, None),
        (5, "message 5"),
        (8, "message 8"),
    ]


async def test_nothing_beyond_the_committed_seq_is_given() -> None:
    """Rows of a command that is not committed yet are not the learner's."""
    reads = MemoryReads()
    reads.add(1, [message_at(1), message_at(2)], last_seq=1)
    assert [one["seq"] for one in bundles.lines(await exported(reads), "messages")] == [1]


async def test_a_thread_deleted_meanwhile_has_no_messages() -> None:
    """Its list row may be there a moment longer."""
    reads = bundles.conversation(threads=2)
    reads.deleted.add(uid(1, 1))
    assert {one["thread_id"] for one in bundles.lines(await exported(reads), "messages")} == {uid(1, 2)}


async def test_a_portable_copy_keeps_other_peoples_words_out() -> None:
    """Their names, words, metadata and marks; each is marked or counted, and the learner's own are whole."""
    reads = bundles.conversation(messages=9, threads=2)
    reads.add(7, [message_at(1, 7, sender_id="mum-1", content="SECRET", metadata='{"k":"SECRET"}')], title="SECRET")
    files = await exported(reads, Article.PORTABILITY)
    everything = b"".join(files.values())
    assert b"SECRET" not in everything
    assert b"teacher-1" not in everything
    assert b"mum-1" not in everything
    said = bundles.lines(files, "messages")
    assert [one["content"] for one in said[:3]] == ["message 1", "message 2", None]
    assert [one["withheld"] for one in said[:3]] == [None, None, "other_person"]
    told = {one["what"]: one["count"] for one in json.loads(files["manifest.json"])["left_out"]}
    assert (told["withheld_messages"], told["withheld_threads"], told["withheld_read_marks"]) == (7, 3, 2)


async def test_an_access_copy_has_everybodys_words() -> None:
    """Article 15: the talk is the learner's data, whoever spoke."""
    files = await exported(bundles.conversation(messages=3, threads=1))
    assert [one["sender_id"] for one in bundles.lines(files, "messages")] == [LEARNER, LEARNER, "teacher-1"]
    assert {one["user_id"] for one in bundles.lines(files, "read_marks")} == {LEARNER, "teacher-1"}


async def test_the_overview_says_what_is_left_out_in_words() -> None:
    """With its number where there is one, and without where nobody knows it."""
    reads = MemoryReads()
    reads.add(1, [message_at(1)], last_seq=3)
    page = _Page()
    page.feed((await exported(reads))["index.html"].decode())
    assert "2 × Expired messages: their retention had ended" in page.words
    assert "\nDeleted threads: nothing that was said" in page.words
    assert "None" not in page.words


class _Page(HTMLParser):
    """Collects a page's tags and words."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


async def test_pages_show_words_as_words_and_run_nothing() -> None:
    """A message, title or name that is HTML stays text; no page asks for anything outside the bundle."""
    hostile = '<script>alert(1)</script><img src=x onerror="alert(1)">&amp;'
    reads = MemoryReads()
    metadata = json.dumps({"k": hostile})
    reads.add(1, [message_at(1, content=hostile, sender_id=hostile, metadata=metadata)], title=hostile)
    files = await exported(reads)
    pages = {path: file.decode() for path, file in files.items() if path.endswith(".html")}
    assert set(pages) == {"index.html", "threads/000001.html", "messages/000001.html"}
    for path, text in pages.items():
        page = _Page()
        page.feed(text)
        tags = dict(page.tags)
        assert not {"script", "img", "iframe", "link"} & set(tags), path
        assert tags["html"] == {"lang": "en"}
        policies = [one["content"] for tag, one in page.tags if tag == "meta" and "http-equiv" in one]
        assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
        assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
        for tag, attributes in page.tags:
            if tag == "a":
                assert str(attributes["href"]).removeprefix("../") in files, "a link that leads nowhere"
        assert (hostile in page.words) == (path != "index.html")


def _lose(files: dict[str, bytes]) -> None:
    del files["messages/000002.jsonl"]


SPOILT: dict[str, tuple[Spoil, str]] = {
    "a message changed": (
        lambda files: files.update({"messages/000001.jsonl": files["messages/000001.jsonl"].replace(b"e 1", b"e 7")}),
        "is not the file that was signed",
    ),
    "a member gone": (_lose, "missing"),
    "a member added": (lambda files: files.update({"extra.txt": b"x"}), "not in the manifest"),
    "two members swapped": (
        lambda files: files.update(
            {
                "messages/000001.jsonl": files["messages/000002.jsonl"],
                "messages/000002.jsonl": files["messages/000001.jsonl"],
            }
        ),
        "order|is not the file",
    ),
    "a count changed": (
        lambda files: files.update({"manifest.json": files["manifest.json"].replace(b'"threads": 3', b'"threads": 2')}),
        "signature",
    ),
    "the signature changed": (lambda files: files.update({"manifest.json.sig": bytes(64)}), "signature"),
}


@pytest.mark.parametrize("name", SPOILT)
async def test_the_script_finds_every_change(name: str) -> None:
    """Each kind of forgery has its own complaint."""
    spoil, complaint = SPOILT[name]
    store = MemoryStore()
    await bundles.build(store, bundles.conversation(), limits=SMALL)
    spoilt = bundles.rezipped(await bundles.zipped(store), spoil)
    with pytest.raises(bundles.verifier().Wrong, match=complaint):
        bundles.verified(spoilt)


async def test_the_script_trusts_no_key_of_the_bundles_own() -> None:
    """A bundle that another has signed is no bundle of the service, however whole it is."""
    store = MemoryStore()
    await bundles.build(store, bundles.conversation())
    content = await bundles.zipped(store)
    script = bundles.verifier()
    other = Ed25519PrivateKey.generate().public_key()
    for keys in ({}, {script.thumbprint(other): other}):
        with pytest.raises(script.Wrong, match="was not given"):
            script.verify(BytesIO(content), keys)
    with pytest.raises(script.Wrong, match="signature of the manifest"):
        script.verify(BytesIO(content), {bundles.SIGNING_KEY.key_id: other})


async def test_a_wrong_count_is_found_though_it_is_signed() -> None:
    """The script counts for itself."""
    script = bundles.verifier()
    manifest = {"counts": {"messages": 2}, "left_out": []}
    with pytest.raises(script.Wrong, match="messages"):
        script.check_counts(manifest, script.collections.Counter(messages=1))


async def test_nothing_readable_lies_in_the_store() -> None:
    """No id, name, title or word; and the same rows give other bytes another time."""
    stores = MemoryStore(), MemoryStore()
    for store in stores:
        await bundles.build(store, bundles.conversation())
        everything = repr(store.objects).encode() + b"".join(store.objects.values())
        for secret in (TENANT, LEARNER, "teacher-1", "Fractions", "message 1", uid(1, 1)):
            assert secret.encode() not in everything
    first, second = (set(store.objects.values()) for store in stores)
    assert not first & second


def _swap(store: MemoryStore) -> None:
    objects = store.objects
    one, two = (bundles.BUNDLE, "messages/000001"), (bundles.BUNDLE, "messages/000002")
    objects[one], objects[two] = objects[two], objects[one]


def _cut(store: MemoryStore) -> None:
    store.objects[bundles.BUNDLE, "messages/000001"] = store.objects[bundles.BUNDLE, "messages/000001"][:-1]


def _flip(store: MemoryStore) -> None:
    whole = store.objects[bundles.BUNDLE, "messages/000002"]
    store.objects[bundles.BUNDLE, "messages/000002"] = whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:]


def _drop(store: MemoryStore) -> None:
    del store.objects[bundles.BUNDLE, "messages/000003"]


@pytest.mark.parametrize(
    ("spoil", "error"), [(_swap, BundleDamaged), (_cut, BundleDamaged), (_flip, BundleDamaged), (_drop, BundleGone)]
)
async def test_a_store_that_loses_or_changes_chunks_is_found_out(spoil: Any, error: type[Exception]) -> None:
    """Reordered, cut, changed or missing: the download breaks off, it never gives less than was signed."""
    store = MemoryStore()
    await bundles.build(store, bundles.conversation(), limits=SMALL)
    spoil(store)
    with pytest.raises(error):
        await bundles.zipped(store)


async def test_a_bundle_of_another_request_does_not_open_as_this_one() -> None:
    """Objects are bound to their bundle."""
    store = MemoryStore()
    await bundles.build(store, bundles.conversation())
    store.objects |= {(bundle_id("tenant-2", bundles.REQUEST), name): one for (_, name), one in store.objects.items()}
    with pytest.raises(InvalidTag):  # of the tests' wrap: the key is bound to its bundle already
        await bundles.zipped(store, tenant="tenant-2")
    key = await bundles.LocalWrap().unwrap(bundles.BUNDLE, store.objects[bundles.BUNDLE, "key"])
    with pytest.raises(BundleDamaged):
        await read_contents(store, BundleSeal(bundle_id("tenant-2", bundles.REQUEST), key), bundles.BUNDLE)


async def test_an_unfinished_an_expired_and_a_deleted_bundle_are_gone() -> None:
    """To who wants to fetch them all three are the same."""
    store, wrap = MemoryStore(), bundles.LocalWrap()
    with pytest.raises(BundleGone):
        await Download.open(store, wrap, TENANT, bundles.REQUEST)
    contents = await bundles.build(store, bundles.conversation())
    young = await Download.open(store, wrap, TENANT, bundles.REQUEST, now=contents.expires_at / 1000 - 1)
    assert young.contents == contents
    with pytest.raises(BundleGone, match="expired"):
        await Download.open(store, wrap, TENANT, bundles.REQUEST, now=contents.expires_at / 1000)
    del store.objects[bundles.BUNDLE, "contents"]
    with pytest.raises(BundleGone, match="finished"):
        await Download.open(store, wrap, TENANT, bundles.REQUEST)


async def test_a_learner_without_anything_gets_a_whole_bundle() -> None:
    """That nothing is kept is an answer too."""
    files = await exported(MemoryReads())
    assert set(files) == {
        "manifest.json",
        "manifest.json.sig",
        "index.html",
        *(f"schemas/{one.name}" for one in resources.files("chat.privacy.export").joinpath("line_schemas").iterdir()),
    }
