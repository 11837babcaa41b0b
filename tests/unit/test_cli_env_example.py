"""`.env.example`."""

import re
from pathlib import Path

from chat.cli.env_example import env_example
from chat.settings import Settings

FILE = Path(__file__).parents[2] / ".env.example"


def test_the_file_is_what_the_settings_say() -> None:
    """The committed file equals the generator's output."""
    assert FILE.read_text(encoding="utf-8") == env_example()


def test_every_setting_has_one_line() -> None:
    """No setting is missing or there twice."""
    names = re.findall(r"^#([A-Z0-9_]+)=", env_example(), re.MULTILINE)
    assert sorted(names) == sorted(name.upper() for name in Settings.model_fields)


def test_every_default_is_a_value_that_may_be_set(tmp_path: Path) -> None:
    """With every mark taken away the file gives the defaults."""
    lines = [line for line in env_example().splitlines() if "=" in line]
    file = tmp_path / "env"
    file.write_text("\n".join(line.removeprefix("#") for line in lines))
    assert Settings(_env_file=file) == Settings(_env_file=None)  # type: ignore[call-arg]
