"""What a part of a stress run finds."""

from typing import NamedTuple


class Finding(NamedTuple):
    """A figure and what it is of, with its unit."""

    what: str
    value: float
