"""A command's place in the log, as one number that only grows.

A bare offset means nothing once a topic was made anew: new commands would pass for applied ones and vanish. So the
topic's epoch, which an operator raises, stands above the offset.
"""

EPOCH_SHIFT = 48


def position(epoch: int, offset: int) -> int:
    """The place of `offset` in the topic's `epoch` (1, 2, 3 …)."""
    return epoch << EPOCH_SHIFT | offset


def parts(place: int) -> tuple[int, int]:
    """The epoch and the offset of a position."""
    return place >> EPOCH_SHIFT, place & (1 << EPOCH_SHIFT) - 1
