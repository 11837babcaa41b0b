"""A file that `chat offsets save` did not write changes nothing: it is refused before any server is asked."""

import json
from pathlib import Path

import pytest

from chat.errors import BadInput
from chat.offset_file import restore
from tests.records import settings_for_tests

TOPIC = {"topic_id": "a", "epoch": 1, "offsets": [0, 1]}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "offsets",
        json.dumps({"chat.commands": TOPIC}),
        json.dumps({"chat.commands": TOPIC, "chat.events": TOPIC}),
        json.dumps({"chat.commands": TOPIC, "chat.privacy.commands": {"offsets": [0]}}),
        json.dumps({"chat.commands": TOPIC, "chat.privacy.commands": [0, 1]}),
        json.dumps({"chat.commands": TOPIC, "chat.privacy.commands": TOPIC | {"more": 1}}),
        json.dumps({"chat.commands": TOPIC, "chat.privacy.commands": TOPIC | {"offsets": ["0"]}}),
        json.dumps({"chat.commands": TOPIC, "chat.privacy.commands": TOPIC | {"offsets": [-1]}}),
    ],
)
async def test_any_other_file_is_refused(tmp_path: Path, content: str) -> None:
    """Whatever is wrong with it."""
    file = tmp_path / "offsets.json"
    file.write_text(content)
    with pytest.raises(BadInput, match="FILE"):
        await restore(settings_for_tests(), file)
