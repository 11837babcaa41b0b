"""YAML for people to read: no aliases, and text of many lines as lines."""

from typing import Any

import orjson
import yaml

WIDTH = 120


class _Dumper(yaml.SafeDumper):
    """Writes text of many lines as lines."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def yaml_text(document: dict[str, Any]) -> str:
    """The text of a document that JSON can say, in its own order."""
    # Through JSON, so that no part of it is another's alias.
    plain = orjson.loads(orjson.dumps(document))
    text: str = yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
    return text


def json_text(document: dict[str, Any]) -> str:
    """The same as indented JSON."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"
