"""A record that says nothing, so that Kafka closes a segment to which nothing else comes.

Kafka closes a segment only when a record comes that is too late for it, and neither compacts nor deletes an open one.
The key has no slash, so it is nobody's: every other key begins with `<tenant_id>/`. Without a value it is a Kafka
tombstone of a key that never had one, and goes in the end as tombstones do.
"""

KEY = b"heartbeat"


def is_heartbeat(key: bytes | None, value: bytes | None) -> bool:
    """Whether a record is one; readers of any topic pass over it."""
    return value is None and key == KEY
