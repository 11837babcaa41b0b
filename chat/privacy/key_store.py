"""Where a process's key-encryption keys are."""

from chat.privacy.kek import KeyEncryption
from chat.privacy.key_folder import KeyFolder
from chat.privacy.vault import VaultTransit
from chat.settings import Environment, Settings


def key_store(settings: Settings) -> KeyEncryption:
    """Vault where VAULT_ADDR is set, else the folder."""
    return VaultTransit(settings) if settings.vault_addr else KeyFolder(settings.kek_folder)


def prepare(settings: Settings) -> None:
    """Makes the folder where one is wanted; never in production, where somebody has to decide where it lies."""
    if not settings.vault_addr and settings.environment is not Environment.PRODUCTION:
        KeyFolder.make(settings.kek_folder)
