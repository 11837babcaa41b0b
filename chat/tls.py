"""TLS to our servers, by the settings that are named after each: authorities, and the client's own certificate."""

import ssl
from pathlib import Path
from typing import Literal

from chat.errors import BadSetting
from chat.settings import Settings

Server = Literal["kafka", "cassandra"]
KINDS = ("cafile", "certfile", "keyfile")


def tls_files(settings: Settings, server: Server) -> dict[str, Path]:
    """The files that are set, by their kind. Raises `BadSetting` where one is not there."""
    paths = {kind: getattr(settings, f"{server}_ssl_{kind}") for kind in KINDS}
    files = {kind: path for kind, path in paths.items() if path}
    for kind, path in files.items():
        if not path.is_file():
            raise BadSetting(f"{server.upper()}_SSL_{kind.upper()}: there is no file of that name")
    return files


def key_password(settings: Settings, server: Server) -> str:
    """What opens the client's key; empty for one that is open."""
    password: str = getattr(settings, f"{server}_ssl_key_password")
    return password


def tls_context(settings: Settings, server: Server) -> ssl.SSLContext:
    """Verifies the server and its name; shows the client's own certificate where one is set. Raises `BadSetting`."""
    files = tls_files(settings, server)
    try:
        context = ssl.create_default_context(cafile=files.get("cafile"))
        if "certfile" in files:
            # Without a password OpenSSL would ask for one at the terminal.
            context.load_cert_chain(files["certfile"], files.get("keyfile"), key_password(settings, server))
    except ssl.SSLError as error:
        names = f"{server.upper()}_SSL_CAFILE, _CERTFILE, _KEYFILE, _KEY_PASSWORD"
        raise BadSetting(f"{names}: not usable PEM files ({error.reason or 'wrong password'})") from None
    return context


def authorities(file: Path | None, setting: str) -> ssl.SSLContext:
    """Verifies a server and its name by the authorities in a file, or the system's. Raises `BadSetting`."""
    try:
        return ssl.create_default_context(cafile=file)
    except OSError:
        raise BadSetting(f"{setting}: must be a PEM file of certificates") from None
