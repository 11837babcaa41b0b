"""The store of bundles that the settings name."""

from chat.privacy.export.folder_store import FolderStore
from chat.privacy.export.store import BundleStore
from chat.settings import Settings


def store_of(settings: Settings) -> BundleStore:
    """A bucket where EXPORT_S3_BUCKET is set, else a folder. Raises `BundleStoreRefused` where it cannot be one."""
    if not settings.export_s3_bucket:
        return FolderStore(settings.export_folder)
    # boto3 takes 30 MB of memory: only who has a bucket needs it.
    from chat.privacy.export.s3_store import S3Store  # noqa: PLC0415

    return S3Store(settings.export_s3_bucket, endpoint=settings.export_s3_endpoint, prefix=settings.export_s3_prefix)
