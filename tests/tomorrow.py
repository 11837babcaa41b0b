"""A version after this one: its migration, beside which this program may go on working or not."""

import shutil
from pathlib import Path

from chat.storage.migrate import FOLDER, migrations

TODAY = len(migrations(FOLDER))
NAME = f"{TODAY + 1:04}_of_tomorrow"
_SCRIPT = """-- oldest program: {oldest:04}
CREATE TABLE IF NOT EXISTS of_tomorrow (id int PRIMARY KEY);
ALTER TABLE messages ADD IF NOT EXISTS of_tomorrow text;
ALTER TABLE thread_log ADD IF NOT EXISTS of_tomorrow text;
"""


def migrations_of_tomorrow(folder: Path, *, oldest: int) -> Path:
    """A folder of our migrations and one more, after which `oldest` is the oldest program that may work."""
    tomorrow = shutil.copytree(FOLDER, folder / f"migrations-{oldest}")
    (tomorrow / f"{NAME}.cql").write_text(_SCRIPT.format(oldest=oldest))
    return tomorrow
