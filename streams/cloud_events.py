"""CloudEvents' headers on events: the binary mode of its Kafka protocol binding, version 1.0.

The value stays what it is; whoever knows CloudEvents learns id, type, source, subject and time without decoding it.
"""

import schemas
from chat.domain.events import Event
from schemas.timestamps import to_text

CONTENT_TYPES = {schemas.Format.AVRO: b"application/vnd.apache.avro+binary", schemas.Format.JSON: b"application/json"}
"""Avro's has no registered name; this is the one that stands for it in the wild."""


def attributes(event: Event, form: schemas.Format) -> list[tuple[str, bytes]]:
    """The event's headers. `source` and `id` together are unique: an id is made of the tenant too."""
    fields = event.fields
    text = {
        "ce_specversion": "1.0",
        "ce_id": fields["event_id"],
        "ce_type": f"aivo.chat.v1.{event.type}",
        "ce_source": f"/aivo-chat/{fields['tenant_id']}",
        "ce_subject": event.key,
        "ce_time": to_text(fields["timestamp"]),
    }
    return [*((name, value.encode()) for name, value in text.items()), ("content-type", CONTENT_TYPES[form])]
