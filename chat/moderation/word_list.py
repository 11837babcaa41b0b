"""A tenant's words: found all at once, however many there are (Aho and Corasick, 1975)."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick
from pydantic import BaseModel, ConfigDict, Field, field_validator

from chat.domain.moderation import Judged
from chat.moderation.folding import Folded, fold

MASK = "*"
ANY = "*"
"""At the beginning or end of an entry: the word may go on there."""


class Words(BaseModel):
    """What is refused, masked and flagged. An entry is a word or several, found as whole words only, but for `*`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    refuse: tuple[str, ...] = Field(default=(), description="content with one of these is not kept")
    mask: tuple[str, ...] = Field(default=(), description="these are kept as asterisks")
    flag: tuple[str, ...] = Field(default=(), description="content with one of these is kept, and its event says so")

    @field_validator("refuse", "mask", "flag")
    @classmethod
    def _not_empty(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        if any(not fold(entry.strip().strip(ANY)).text.strip() for entry in entries):
            raise ValueError("an entry must hold a letter or another character that is seen")
        return entries


class _Entry(NamedTuple):
    """A folded word, where it must begin or end one, and what its finding means."""

    text: str
    begins: bool
    ends: bool
    action: str


class WordList:
    """Judges content by `Words`."""

    def __init__(self, words: Words) -> None:
        actions = {"refuse": words.refuse, "mask": words.mask, "flag": words.flag}
        self._entries = [_entry(text, action) for action, texts in actions.items() for text in texts]
        self._machine = AhoCorasick([one.text for one in self._entries]) if self._entries else None

    def judge(self, content: str) -> Judged:
        """Refused where a refused word is found, else with its words masked, and flagged where a flagged one is."""
        folded = fold(content)
        found = list(self._found(folded))
        actions = {entry.action for entry, _, _ in found}
        if "refuse" in actions:
            return Judged(content, refused=True)
        spans = [(start, end) for entry, start, end in found if entry.action == "mask"]
        return Judged(_masked(content, folded, spans), flagged="flag" in actions)

    def _found(self, folded: Folded) -> Iterator[tuple[_Entry, int, int]]:
        if self._machine is None:
            return
        for number, start, end in self._machine.find_matches_as_indexes(folded.text, overlapping=True):
            entry = self._entries[number]
            if _stands_alone(entry, folded.text, start, end):
                yield entry, start, end


def _entry(text: str, action: str) -> _Entry:
    text = text.strip()
    bare = fold(text.strip(ANY).strip()).text
    return _Entry(bare, not text.startswith(ANY), not text.endswith(ANY), action)


def _stands_alone(entry: _Entry, text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (entry.begins and _is_of_word(before)) and not (entry.ends and _is_of_word(after))


def _is_of_word(character: str) -> bool:
    """Letters, digits, and the marks that go with letters, such as vowel signs."""
    return character.isalnum() or (character != "" and unicodedata.category(character).startswith("M"))


def _masked(content: str, folded: Folded, spans: Sequence[tuple[int, int]]) -> str:
    characters = list(content)
    for start, end in spans:
        first, last = folded.places[start], max(folded.places[end], folded.places[end - 1] + 1)
        characters[first:last] = MASK * (last - first)
    return "".join(characters)
