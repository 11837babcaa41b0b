"""Writes the settings' names into the chart's schema: `python -m chat.cli.chart_schema FILE`.

A name that is misspelt in a values file then stops `helm install`, and a secret can be given by reference only.
"""

import json
import sys
from pathlib import Path
from typing import Any

from chat.settings import Settings

PLACES = frozenset(
    {"kek_folder", "signing_key_file", "export_folder", "erasure_ledger", "api_host", "api_port", "metrics_port"}
)
"""The chart or the image decides these."""

SERVERS = frozenset({"kafka_port", "worker_id"})
"""These make sense for one process alone."""


def with_settings(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with today's settings: secret ones may stand in `secrets`, the others in `settings`.

    Those of all pods and those of one component have the same shape.
    """
    named: dict[str, list[str]] = {"settings": [], "secrets": []}
    for name, field in Settings.model_fields.items():
        if name not in PLACES | SERVERS:
            named["settings" if field.repr else "secrets"].append(name.upper())
    shapes = schema["definitions"]
    return schema | {"definitions": shapes | {part: _named(shapes[part], names) for part, names in named.items()}}


def _named(shape: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return shape | {"propertyNames": {"enum": names}}


if __name__ == "__main__":
    file = Path(sys.argv[1])
    written = with_settings(json.loads(file.read_text(encoding="utf-8")))
    file.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
