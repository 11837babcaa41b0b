"""What every subcommand begins with."""

from chat import logs
from chat.settings import Settings, load


def start() -> Settings:
    """The settings, with logs going to stderr. Raises `BadSetting`."""
    settings = load()
    logs.configure(settings.log_level)
    return settings
