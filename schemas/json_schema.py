"""A record's JSON form as a JSON Schema (draft 7), for documents and for producers in other languages."""

from functools import singledispatch
from typing import Any

from schemas.kinds import Constant, Enum, Integer, Kind, Metadata, Nullable, Text, Timestamp
from schemas.registry import Version
from schemas.shape import REQUIRED, Field, Shape

JsonSchema = dict[str, Any]

_TIME = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"


def json_schema(version: Version) -> JsonSchema:
    """What a value in JSON must look like to be a record of that version; `type` names the record where no field does.

    It says what the codec asks for. What the service asks for beyond that (lengths, forms of ids) is not in it.
    """
    described = _schema_of(version.shape)
    if not version.is_event:
        named = {"type": {"type": "string", "const": version.name}}
        described["properties"] = named | described["properties"]
        described["required"] = ["type", *described["required"]]
    _describe(described["properties"], version.schema)
    return described


def _describe(properties: dict[str, JsonSchema], schema: dict[str, Any]) -> None:
    """The words that the Avro schema has for its fields."""
    for one in schema["fields"]:
        if "doc" in one and one["name"] != "metadata":
            properties[one["name"]]["description"] = one["doc"]
        if isinstance(one["type"], dict) and one["type"]["type"] == "record":
            _describe(properties[one["name"]]["properties"], one["type"])


@singledispatch
def _schema_of(kind: Kind) -> JsonSchema:
    raise TypeError(f"{type(kind).__name__} has no form in JSON Schema")


@_schema_of.register
def _(_kind: Text) -> JsonSchema:
    return {"type": "string"}


@_schema_of.register
def _(kind: Constant) -> JsonSchema:
    return {"type": "string", "const": kind.value}


@_schema_of.register
def _(_kind: Metadata) -> JsonSchema:
    return {"type": "object"}


@_schema_of.register
def _(kind: Integer) -> JsonSchema:
    return {"type": "integer", "minimum": kind.low, "maximum": kind.high}


@_schema_of.register
def _(_kind: Timestamp) -> JsonSchema:
    return {"type": "string", "format": "date-time", "pattern": _TIME}


@_schema_of.register
def _(kind: Enum) -> JsonSchema:
    return {"type": "string", "enum": list(kind.symbols)}


@_schema_of.register
def _(kind: Nullable) -> JsonSchema:
    inner = _schema_of(kind.kind)
    return inner | {"type": [inner["type"], "null"]}


@_schema_of.register
def _(kind: Shape) -> JsonSchema:
    return {
        "type": "object",
        "required": [one.name for one in kind.fields if one.default is REQUIRED],
        "properties": {one.name: _property(one) for one in kind.fields},
        "additionalProperties": False,
    }


def _property(field: Field) -> JsonSchema:
    described = _schema_of(field.kind)
    return described if field.default is REQUIRED else described | {"default": _default(field)}


def _default(field: Field) -> Any:
    """As JSON has it: metadata's default is text in Avro and an object here."""
    return {} if isinstance(field.kind, Metadata) else field.default
