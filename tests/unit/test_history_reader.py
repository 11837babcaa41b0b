"""The API's reader of threads, between whose two questions a thread may go."""

import pytest

from chat.domain.model import LearnerId
from chat.storage.history import Place, ShownThread
from chat.storage.reads import HistoryReader
from tests.api_client import shown_thread
from tests.records import uid

LEARNER = LearnerId("tenant-1", "learner-1", 1)
WANTED = [uid(1, number) for number in range(1, 5)]
THERE = {uid(1, number): shown_thread(number, 1) for number in range(1, 6)}


class Moving(HistoryReader):
    """Whose threads are deleted between the questions, as often as it is told."""

    def __init__(self, deaths: int) -> None:
        self._deaths = deaths

    async def _look(
        self,
        learner: LearnerId,  # noqa: ARG002 - there is one only
        limit: int,
        after: Place | None,  # noqa: ARG002 - the first page is asked for
    ) -> tuple[list[str], dict[str, ShownThread]]:
        self._deaths -= 1
        gone = WANTED[1]
        if self._deaths >= 0:
            return WANTED, {one: THERE[one] for one in WANTED if one != gone}
        wanted = [one for one in THERE if one != gone][:limit]
        return wanted, {one: THERE[one] for one in wanted}


@pytest.mark.parametrize(("deaths", "found"), [(1, 4), (2, 4), (3, 3)])
async def test_a_page_is_short_only_where_it_is_the_last(deaths: int, found: int) -> None:
    """It is read again, but not for ever."""
    assert len(await Moving(deaths).threads(LEARNER, 4)) == found
