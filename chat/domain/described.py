"""Words of the contract that say themselves what they mean, so that documents can be made of them."""

from enum import StrEnum
from typing import Self


class Described(StrEnum):
    """A member is its text, with `meaning`: a few words for a table, without a full stop."""

    _value_: str
    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Self:
        """As written in the class: `NAME = "text", "what it means"`."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member
