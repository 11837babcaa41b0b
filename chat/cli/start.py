"""What every subcommand begins with."""

import structlog

from chat import logs
from chat.settings import SECRET_BYTES, Settings, load


def start() -> Settings:
    """The settings, with logs going to stderr. Raises `BadSetting`."""
    settings = load()
    logs.configure(settings.log_level)
    if settings.has_short_secret:
        structlog.get_logger().warning("short_secret", variable="JWT_SECRET_KEY", bytes_needed=SECRET_BYTES)
    return settings
