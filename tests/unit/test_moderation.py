"""Word lists, their versions, and an operator's own judgement."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.domain.moderation import Judged
from chat.errors import ModerationUnfit
from chat.moderation.folding import fold
from chat.moderation.moderator import Moderator
from chat.moderation.rules import Rules, Version, read_rules
from chat.moderation.word_list import WordList, Words
from chat.settings import Settings
from tests.records import Log, settings_for_tests, uid
from tests.way import World

MASKS = WordList(Words(mask=("darn", "blöd*", "two words")))


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ("Darn it", "**** it"),
        ("darned", "darned"),
        ("undarn", "undarn"),
        ("so DÀRN!", "so ****!"),
        ("\uff44\uff41\uff52\uff4e", "****"),
        ("d\u200ba\u00adrn", "******"),
        ("da\u0301rn", "*****"),
        ("Blödsinn", "****sinn"),
        ("blodsinn", "****sinn"),
        ("Two  words, two words", "Two  words, *********"),
        ("darn darn", "**** ****"),
        ("دارن", "دارن"),
        ("", ""),
    ],
)
def test_masked(content: str, kept: str) -> None:
    """A masked word is found whatever its case, accents, width and invisible characters, and as a whole word only."""
    assert MASKS.judge(content) == Judged(kept)


def test_folding_expands() -> None:
    """A letter that folds to two is masked as one."""
    assert WordList(Words(mask=("gross",))).judge("so groß, so GROẞ").content == "so ****, so ****"


def test_vowel_signs_make_another_word() -> None:
    """Marks that are no accents are kept: कि is not क."""
    assert WordList(Words(mask=("क",))).judge("कि क").content == "कि *"


def test_refused_before_masked_and_flagged() -> None:
    """A refused word decides, whatever else is found."""
    words = WordList(Words(refuse=("vile",), mask=("darn",), flag=("sad",)))
    assert words.judge("darn, vile and sad").refused
    assert words.judge("darn and sad") == Judged("**** and sad", flagged=True)


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_word_between_others_is_found(before: str, after: str) -> None:
    """Whatever stands before and after it: the word is masked, and every letter stays in its place."""
    content = f"{before} darn {after}"
    kept = MASKS.judge(content).content
    assert kept[len(before) : len(before) + 6] == " **** "
    assert all(one in {was, "*"} for one, was in zip(kept, content, strict=True))


@given(st.text())
def test_every_folded_character_has_a_place(text: str) -> None:
    """Places rise from the text's beginning to its end."""
    folded = fold(text)
    assert len(folded.places) == len(folded.text) + 1
    assert folded.places == sorted(folded.places)
    assert folded.places[-1] == len(text)


def _version(name: str, begins: str | None = None, hook: str = "", **words: list[str]) -> dict[str, Any]:
    version: dict[str, Any] = {"name": name, "words": {"*": words}, "hook": hook}
    return version if begins is None else version | {"from": begins}


def _moderator(*versions: tuple[int, dict[str, Any]]) -> Moderator:
    return Moderator([(since, Version.model_validate(version)) for since, version in versions])


def test_the_rules_of_the_time_count() -> None:
    """Content is judged by the rules of its command's time, so that a replay agrees."""
    moderate = _moderator((100, _version("one", mask=["darn"])), (200, _version("two", refuse=["darn"])))
    assert moderate("t", "darn", 99) == Judged("darn")
    assert moderate("t", "darn", 100) == Judged("****")
    assert moderate("t", "darn", 199) == Judged("****")
    assert moderate("t", "darn", 200).refused


def test_a_tenants_own_words_stand_for_everybodys() -> None:
    """A tenant with words of its own is judged by those."""
    words = {"*": {"mask": ["darn"]}, "strict": {"refuse": ["darn"]}, "free": {}}
    moderate = _moderator((0, {"name": "one", "words": words}))
    assert [moderate(tenant, "darn", 1) for tenant in ("strict", "free", "another")] == [
        Judged("darn", refused=True),
        Judged("darn"),
        Judged("****"),
    ]


def shout(_tenant_id: str, content: str) -> Judged:
    """A hook that flags, and changes what it is given."""
    return Judged(content.upper(), flagged=True)


def fail(_tenant_id: str, content: str) -> Judged:
    """A hook with a bug."""
    raise ValueError(content)


def empty(_tenant_id: str, _content: str) -> Judged:
    """A hook whose answer is no content."""
    return Judged("")


def long(_tenant_id: str, _content: str) -> Judged:
    """A hook whose answer is longer than content may be."""
    return Judged("é" * 8_193)


def broken(_tenant_id: str, _content: str) -> Judged:
    """A hook whose answer cannot be written."""
    return Judged("\udc00")


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of this module, as a hook's module."""
    monkeypatch.setitem(sys.modules, "hooks_of_tests", sys.modules[__name__])
    return "hooks_of_tests"


def test_a_hook_judges_after_the_words(hooks: str) -> None:
    """It sees masked content only, and can flag and change it."""
    moderate = _moderator((0, _version("one", hook=f"{hooks}:shout", mask=["darn"], refuse=["vile"])))
    assert moderate("t", "darn it", 1) == Judged("**** IT", flagged=True)
    assert moderate("t", "vile", 1).refused


@pytest.mark.parametrize("hook", ["fail", "empty", "long", "broken"])
def test_what_a_hook_cannot_judge_is_refused(hooks: str, hook: str) -> None:
    """Content that was not judged is not kept."""
    assert _moderator((0, _version("one", hook=f"{hooks}:{hook}")))("t", "word", 1).refused


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "the file"),
        ('{"versions": []}', "versions"),
        (json.dumps({"versions": [_version("a"), _version("a")]}), "one name"),
        (json.dumps({"versions": [_version("a", "2026-02-01T00:00:00Z"), _version("b")]}), "begins before"),
        (json.dumps({"versions": [_version("a", mask=["\u200b* "])]}), "versions.0.words.*.mask"),
        (json.dumps({"versions": [_version("a", "2026-02-01T00:00:00")]}), "versions.0.from"),
        (json.dumps({"versions": [_version("a", hook="os.system")]}), "versions.0.hook"),
        (json.dumps({"versions": [_version("a") | {"word": {}}]}), "versions.0.word"),
    ],
)
def test_a_wrong_file_says_where(tmp_path: Path, text: str, rule: str) -> None:
    """What is wrong with a file is named by its place, and none of its words is repeated."""
    file = tmp_path / "rules.json"
    file.write_text(text)
    with pytest.raises(ModerationUnfit, match="MODERATION_FILE") as raised:
        read_rules(file)
    assert rule in str(raised.value)


def test_a_missing_file_and_hook(tmp_path: Path) -> None:
    """Both are named."""
    with pytest.raises(ModerationUnfit, match="cannot be read"):
        read_rules(tmp_path / "none.json")
    with pytest.raises(ModerationUnfit, match="no_such_module:judge"):
        _moderator((0, _version("one", hook="no_such_module:judge")))


def test_a_file_is_read(tmp_path: Path) -> None:
    """The versions as they are written; the digest tells them apart, and is the same for the same."""
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"versions": [_version("a", mask=["x"]), _version("b", "2026-02-01T00:00:00Z")]}))
    first, second = read_rules(file).versions
    assert (first.name, second.name, second.begins.year) == ("a", "b", 2026)
    assert first.digest() == Rules.model_validate({"versions": [_version("a", mask=["x"])]}).versions[0].digest()
    assert first.digest() != Version.model_validate(_version("a", mask=["y"])).digest()


def test_the_file_must_be_named() -> None:
    """Moderation without rules is no moderation."""
    with pytest.raises(ValueError, match="MODERATION_FILE"):
        settings_for_tests(content_moderation=True)
    assert isinstance(settings_for_tests(content_moderation=True, moderation_file=Path("x")), Settings)


def test_through_the_way() -> None:
    """Refused, masked and flagged as the rules say: rows, events and refusals, and the same on a replay."""
    world = World(moderate=_moderator((0, _version("one", refuse=["vile"], mask=["darn"], flag=["sad"]))))
    log = Log()
    thread = {"thread_id": uid(1, 1)}
    log.send("CreateThread", command_id=uid(3, 0), title="any", **thread)
    for number, content in enumerate(["vile", "darn it", "sad", "fine"], start=1):
        log.send("PostMessage", command_id=uid(3, number), message_id=uid(2, number), content=content, **thread)
    for number, content in enumerate(["vile", "darn sad"], start=5):
        log.send("EditMessage", command_id=uid(3, number), message_id=uid(2, 4), content=content, **thread)
    world.run(log.records)
    first = _said(world)
    assert first == [("**** it", False), ("sad", True), ("fine", False), ("**** sad", True)]
    assert world.codes() == ["moderated", "moderated"]
    world.run(log.records)
    assert _said(world)[len(first) :] == first


def _said(world: World) -> list[tuple[str, bool]]:
    return [
        (record.fields["data"]["content"], ("flagged", b"true") in outgoing.headers)
        for record, outgoing in zip(world.events(), world.publisher.records("chat.events"), strict=True)
        if record.type.startswith("CHAT_MESSAGE")
    ]


def test_it_costs_what_the_message_is_long() -> None:
    """A thousand times as many words cost less than ten times as much, an eighth of a message far more than a 64th."""
    many, few = (WordList(Words(mask=tuple(f"word{5_000 - number}" for number in range(size)))) for size in (5_000, 5))
    content = "ä word word4999x " * 910
    cost = _least(many, content)
    assert cost < 10 * _least(few, content)
    assert cost < 24 * _least(many, content[: len(content) // 8])


def _least(words: WordList, content: str) -> float:
    return min(_cpu_seconds(words, content) for _ in range(5))


def _cpu_seconds(words: WordList, content: str) -> float:
    """The clock on the wall would measure who else uses the machine."""
    began = time.thread_time()
    words.judge(content)
    return time.thread_time() - began
