"""Text as it is compared: case, accents, compatibility forms and invisible characters make no difference."""

import unicodedata
from functools import lru_cache
from typing import NamedTuple


class Folded(NamedTuple):
    """`text` is what is searched; `places[n]` is where its n-th character begins in the original, and one more entry
    is where that ends.
    """

    text: str
    places: list[int]


def fold(text: str) -> Folded:
    """Compatibility decomposition and full case folding (Unicode, chapter 3.13), without accents and format characters.

    Accents are those of U+0300–U+036F only: the vowel signs of other scripts make another word.
    """
    if text.isascii():
        return Folded(text.lower(), list(range(len(text) + 1)))
    pieces: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        piece = _fold_one(character)
        pieces.append(piece)
        places += [place] * len(piece)
    return Folded("".join(pieces), [*places, len(text)])


@lru_cache(maxsize=16_384)
def _fold_one(character: str) -> str:
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(one for one in plain if not (_is_accent(one) or unicodedata.category(one) == "Cf"))


def _is_accent(character: str) -> bool:
    return "\u0300" <= character <= "\u036f"
