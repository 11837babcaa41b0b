"""The ledger keeps every receipt once, and an erasure does not end before its receipt is there."""

from pathlib import Path

import pytest

from chat.errors import LedgerUnavailable
from chat.privacy.ledger import LedgerFolder


def test_receipts_come_back_in_their_order(tmp_path: Path) -> None:
    """Written twice they are kept once; nobody else may read them."""
    ledger = LedgerFolder(tmp_path / "ledger", made=True)
    for number in (2, 1, 2, 10):
        ledger.write("tenant-1", number, f'{{"number":{number}}}')
    assert list(ledger.documents()) == [f'{{"number":{one}}}' for one in (1, 2, 10)]
    assert {one.stat().st_mode & 0o777 for one in (tmp_path / "ledger").iterdir()} == {0o600}


def test_a_disk_that_is_not_mounted_is_no_empty_ledger(tmp_path: Path) -> None:
    """Where the folder may not be made, its lack is an error for who writes and who reads."""
    ledger = LedgerFolder(tmp_path / "ledger", made=False)
    with pytest.raises(LedgerUnavailable):
        ledger.write("tenant-1", 1, "{}")
    with pytest.raises(LedgerUnavailable):
        list(ledger.documents())
