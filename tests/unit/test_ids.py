"""New identifiers."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from chat.domain.identifiers import is_uuid
from chat.ids import new_id, uuid7


def test_a_new_id_is_a_canonical_uuid_of_version_7() -> None:
    """An id that the SDK makes is one that the service takes."""
    made = new_id()
    assert is_uuid(made)
    assert (uuid.UUID(made).version, uuid.UUID(made).variant) == (7, uuid.RFC_4122)


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**80 - 1))
def test_time_stands_first_and_all_random_bits_count(millis: int, random: int) -> None:
    """The time can be read back, and two random numbers give two ids."""
    made = uuid.UUID(uuid7(millis, random))
    assert made.int >> 80 == millis
    assert made != uuid.UUID(uuid7(millis, random ^ 1))
    assert made != uuid.UUID(uuid7(millis, random ^ 1 << 73))


@given(st.lists(st.integers(0, 2**48 - 1), min_size=2))
def test_ids_sort_by_time(times: list[int]) -> None:
    """Ids of different milliseconds sort as their times do."""
    assert [uuid.UUID(uuid7(one, 0)).int >> 80 for one in sorted(times)] == sorted(times)
    assert sorted(uuid7(one, 0) for one in times) == [uuid7(one, 0) for one in sorted(times)]
