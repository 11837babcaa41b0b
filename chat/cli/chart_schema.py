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
    """The schema with today's settings: those that are secret under `secrets`, the others under `settings`."""
    named: dict[str, list[str]] = {"settings": [], "secrets": []}
    for name, field in Settings.model_fields.items():
        if name not in PLACES | SERVERS:
            named["settings" if field.repr else "secrets"].append(name.upper())
    parts = {part: schema["properties"][part] | {"propertyNames": {"enum": names}} for part, names in named.items()}
    return schema | {"properties": schema["properties"] | parts}


if __name__ == "__main__":
    file = Path(sys.argv[1])
    written = with_settings(json.loads(file.read_text(encoding="utf-8")))
    file.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
