"""The messages of the topics' description: one for each record and each of its two forms."""

from typing import Any

from chat.domain.identifiers import NAME, UUID
from chat.domain.privacy_commands import PRIVACY_TYPES
from chat.domain.validate import MAX_CONTENT_BYTES, MAX_METADATA_BYTES, MAX_TITLE
from chat.domain.verdicts import Code
from schemas.errors import UNREADABLE
from schemas.good_examples import good_examples
from schemas.json_schema import JsonSchema, json_schema
from schemas.registry import Version

Message = dict[str, Any]

BINDING = "0.5.0"
AVRO = "application/vnd.apache.avro"

_LEARNER = f"{NAME}/{NAME}"
_KEYS = {
    "CHAT_THREAD_READ": (f"{_LEARNER}/{UUID}/read/{NAME}", "<tenant_id>/<learner_id>/<thread_id>/read/<user_id>"),
    "CHAT_THREAD_": (f"{_LEARNER}/{UUID}", "<tenant_id>/<learner_id>/<thread_id>"),
    "CHAT_MESSAGE_": (f"{_LEARNER}/{UUID}/{UUID}", "<tenant_id>/<learner_id>/<thread_id>/<message_id>"),
    "CHAT_PRIVACY_": (f"{_LEARNER}/privacy/{UUID}", "<tenant_id>/<learner_id>/privacy/<request_id>"),
    "": (_LEARNER, "<tenant_id>/<learner_id>"),
}
"""Form and words of a record's key, by how its name begins; the first that fits."""

_MORTAL = ("CHAT_THREAD_READ", "CHAT_THREAD_", "CHAT_MESSAGE_")
"""Of those, what a tombstone may stand for."""

_UUIDS = frozenset({"command_id", "thread_id", "message_id", "request_id", "event_id", "reply_to"})
_NAMES = frozenset({"tenant_id", "learner_id", "user_id", "sender_id", "created_by", "deleted_by"})

_TRACED = {
    "correlation-id": {"type": "string", "description": "Optional; copied to what the command causes."},
    "traceparent": {"type": "string", "description": "Optional; W3C Trace Context, continued."},
}
_CALLER = {
    "authorization": {
        "type": "string",
        "pattern": "^Bearer .+$",
        "description": "`Bearer <JWT>`. The token goes no further than the command's own record.",
    }
}


def messages(version: Version) -> dict[str, Message]:
    """The message of a record in Avro, and the one in JSON, whose name ends in `_json`."""
    common = _common(version)
    avro = {
        "contentType": f"{AVRO}+binary",
        "payload": {"schemaFormat": f"{AVRO};version=1.9.0", "schema": version.schema},
        "x-value-begins-with": version.header.hex(),
    }
    examples = [{"name": name, "payload": one} for name, one in good_examples(version.name).items()]
    form = {"contentType": "application/json", "payload": json_form(version), "examples": examples}
    return {
        version.name: {"name": version.name, **common, **avro},
        f"{version.name}_json": {"name": f"{version.name}_json", **common, **form},
    }


def tombstone() -> Message:
    """What stands on the events for an entity that is gone."""
    return {
        "name": "Tombstone",
        "title": "A null value: what has this key was deleted or erased; forget it.",
        "contentType": "application/octet-stream",
        "payload": {"type": "null"},
        "bindings": _key(f"^({'|'.join(_KEYS[prefix][0] for prefix in _MORTAL)})$", "the entity's key"),
    }


def dead_letter() -> Message:
    """A record that could not be read, as it was."""
    source = {
        "x-error-code": {"type": "string", "enum": list(UNREADABLE), "description": "Why."},
        "x-error-detail": {
            "type": "string",
            "description": "A sentence that repeats nothing of the record; says so where something is left out.",
        },
        "x-source-topic": {"type": "string", "description": "Where the record lies."},
        "x-source-partition": {"type": "string", "pattern": "^[0-9]+$"},
        "x-source-offset": {"type": "string", "pattern": "^[0-9]+$"},
        "x-source-timestamp": {"type": "string", "pattern": "^[0-9]+$", "description": "Milliseconds since 1970."},
    }
    return {
        "name": "DeadLetter",
        "title": "A record's own key, bytes and headers, its token aside; without what is too large for Kafka.",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "required": list(source), "properties": source},
        "payload": {"type": "string", "format": "binary", "description": "Whatever was sent, if it fits."},
    }


def key_of(record: str) -> str:
    """The key of a record's Kafka records, in words."""
    return _form_and_words(record)[1]


def _form_and_words(record: str) -> tuple[str, str]:
    return next(found for prefix, found in _KEYS.items() if record.startswith(prefix))


def _common(version: Version) -> Message:
    is_command = not version.is_event and version.name != "CommandRejected"
    form, words = _form_and_words(version.name)
    required = {"required": list(_CALLER)} if is_command else {}
    return {
        "title": version.schema["doc"],
        "headers": {"type": "object", **required, "properties": (_CALLER if is_command else {}) | _TRACED},
        "correlationId": {
            "location": "$message.payload#/command_id",
            "description": "A command and what it causes have one `command_id`.",
        },
        "bindings": _key(f"^{form}$", words),
    }


def _key(form: str, words: str) -> dict[str, Any]:
    return {"kafka": {"key": {"type": "string", "pattern": form, "description": words}, "bindingVersion": BINDING}}


def json_form(version: Version) -> JsonSchema:
    """The record's form in JSON, and what the service asks of its fields beyond that."""
    described = json_schema(version)
    for properties in (described["properties"], described["properties"].get("data", {}).get("properties", {})):
        for name, one in properties.items():
            one.update(_rule(name, version.name))
    return described


def _rule(name: str, record: str) -> JsonSchema:
    if name in _UUIDS | _NAMES:
        return {"pattern": f"^{UUID if name in _UUIDS else NAME}$"}
    if name == "reason" and record in PRIVACY_TYPES:
        return {"enum": sorted(PRIVACY_TYPES[record].reasons)}
    if name == "code" and record == "CommandRejected":
        return {"enum": [str(code) for code in Code]}
    return _SIZES.get(name, {})


_SIZES: dict[str, JsonSchema] = {
    "title": {"minLength": 1, "maxLength": MAX_TITLE},
    "content": {"maxLength": MAX_CONTENT_BYTES, "description": f"At most {MAX_CONTENT_BYTES} bytes of UTF-8."},
    "metadata": {"description": f"An object of at most {MAX_METADATA_BYTES} bytes of compact JSON."},
    "seq": {"minimum": 0},
}
