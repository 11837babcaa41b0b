"""The example records beside the schemas, as a producer would write them in JSON."""

import json
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parent / "examples"
"""One folder a record, in it `good/<name>.json`, and `bad/<name>.<code>.json` for the tests."""


def good_examples(record: str) -> dict[str, dict[str, Any]]:
    """Every good example of a record's newest version, by its name."""
    return {path.stem: json.loads(path.read_bytes()) for path in sorted((EXAMPLES / record / "good").glob("*.json"))}
