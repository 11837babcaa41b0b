"""What a worker makes sure of before it starts."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chat.errors import KeyStoreReadOnly
from streams import bootstrap
from streams.dead_letters import SealedLetters
from streams.emit import PLAIN_LETTERS
from streams.waiting import Waiting
from tests.records import settings_for_tests

SERVERS: Any = SimpleNamespace(connection=None)


def test_letters_are_sealed_only_where_keys_can_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Else the first dead letter would end every owner of its partition."""
    plain, sealed = (settings_for_tests(dead_letter_content=one, kek_folder=tmp_path) for one in ("plain", "sealed"))
    assert isinstance(bootstrap._letters(sealed, SERVERS, Waiting()), SealedLetters)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(KeyStoreReadOnly, match="DEAD_LETTER_CONTENT"):
        bootstrap._letters(sealed, SERVERS, Waiting())
    assert bootstrap._letters(plain, SERVERS, Waiting()) is PLAIN_LETTERS
