"""Bundles in a bucket of S3, or of a server that speaks it. boto3 blocks, so it works in threads.

Credentials and region come by AWS's own ways (environment, files, roles). A bundle's chunks are sealed before they get
here; the bucket's own encryption comes on top.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from chat.errors import BundleStoreFull, BundleStoreRefused, BundleStoreUnavailable
from chat.privacy.export.store import KEY, Kept, is_bundle

DELETED_AT_ONCE = 1_000
"""Keys of one request, S3's own limit."""

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "max_attempts": 3},
    s3={"addressing_style": "path"},  # a server of one's own has no name for each bucket
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
_TAKEN = "PreconditionFailed"
_FULL = frozenset({"EntityTooLarge", "QuotaExceeded", "XMinioStorageFull", "InsufficientStorage"})
_REFUSED = frozenset({*range(400, 500), 501}) - {408, 409, 429}
"""501 is of a server that lacks what is asked of it. 409 is `ConditionalRequestConflict`: another write of that name is
under way, and nobody knows yet which counts."""


class S3Store:
    """The `BundleStore` of `<prefix><bundle>/<name>`."""

    def __init__(self, bucket: str, *, endpoint: str = "", prefix: str = "", client: Any = None) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._client = client or boto3.client("s3", endpoint_url=endpoint or None, config=_CONFIG)

    async def put(self, bundle: str, name: str, content: bytes) -> bool:
        try:
            await self._ask(self._client.put_object, Key=self._key(bundle, name), Body=content, IfNoneMatch="*")
        except _Taken:
            return False
        return True

    async def get(self, bundle: str, name: str, limit: int | None = None) -> bytes | None:
        part = {} if limit is None else {"Range": f"bytes=0-{limit - 1}"}
        found: bytes | None = await self._ask(self._read, Key=self._key(bundle, name), **part)
        return found

    async def replace(self, bundle: str, name: str, before: bytes, after: bytes) -> bool:
        key = self._key(bundle, name)
        found = await self._ask(self._find, Key=key)
        if found is None or found[0] != before:
            return False
        try:
            await self._ask(self._client.put_object, Key=key, Body=after, IfMatch=found[1])
        except (_Taken, _Gone):
            return False
        return True

    async def delete(self, bundle: str) -> None:
        await self._require_unversioned()
        await self._delete(bundle)
        # Versioning that was switched on meanwhile can never be taken back: who finds none now has kept nothing.
        await self._require_unversioned()

    async def bundles(self) -> AsyncIterator[Kept]:
        """Keys come in their order, so a bundle's are side by side."""
        bundle, times = "", dict[str, float]()
        async for page in self._pages(""):
            for one in page:
                of, slash, name = one["Key"][len(self._prefix) :].partition("/")
                if not slash or not is_bundle(of):
                    continue
                if of != bundle and times:
                    yield Kept(bundle, _touched_at(times))
                    times = {}
                bundle = of
                times[name] = one["LastModified"].timestamp()
        if times:
            yield Kept(bundle, _touched_at(times))

    async def _require_unversioned(self) -> None:
        """Raises `BundleStoreRefused` where what is deleted stays as an old version, also while that is suspended."""
        status = (await self._ask(self._client.get_bucket_versioning)).get("Status")
        if status:
            raise BundleStoreRefused(f"S3: the bucket keeps old versions of what is deleted (versioning is {status})")

    async def _delete(self, bundle: str) -> None:
        await self._ask(self._client.delete_object, Key=self._key(bundle, KEY))
        async for page in self._pages(f"{bundle}/"):
            objects = [{"Key": one["Key"]} for one in page]
            answer = await self._ask(self._client.delete_objects, Delete={"Objects": objects, "Quiet": True})
            for failed in answer.get("Errors", ()):
                raise BundleStoreUnavailable(f"S3 did not delete an object: {failed.get('Code')}")

    async def _pages(self, below: str) -> AsyncIterator[list[Any]]:
        """At most `DELETED_AT_ONCE` objects each, continued by key, so that deleting them meanwhile skips none."""
        after = ""
        while True:
            asked = {"Prefix": self._prefix + below, "MaxKeys": DELETED_AT_ONCE}
            answer = await self._ask(self._client.list_objects_v2, **asked, **({"StartAfter": after} if after else {}))
            found = answer.get("Contents", [])
            if not found:
                return
            yield found
            after = found[-1]["Key"]

    def _read(self, **asked: Any) -> bytes | None:
        found = self._find(**asked)
        return None if found is None else found[0]

    def _find(self, **asked: Any) -> tuple[bytes, str] | None:
        """An object and its ETag."""
        try:
            answer = self._client.get_object(**asked)
            return bytes(answer["Body"].read()), answer["ETag"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise

    async def _ask(self, call: Callable[..., Any], **asked: Any) -> Any:
        with _typed():
            return await asyncio.to_thread(call, Bucket=self._bucket, **asked)

    def _key(self, bundle: str, name: str) -> str:
        return f"{self._prefix}{bundle}/{name}"


class _Taken(Exception):
    """An object of that name is there, or another than it was to be."""


class _Gone(Exception):
    """The object is not there."""


def _touched_at(times: dict[str, float]) -> float:
    return max((at for name, at in times.items() if name != KEY), default=times.get(KEY, 0.0))


@contextmanager
def _typed() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _kind_of(error) from error
    except NoCredentialsError as error:
        raise BundleStoreRefused("S3: there are no credentials") from error
    except (BotoCoreError, OSError) as error:
        raise BundleStoreUnavailable(f"S3 does not answer: {type(error).__name__}") from error


def _kind_of(error: ClientError) -> Exception:
    """Its code and status alone: the text names keys."""
    code = str(error.response["Error"].get("Code"))
    status = int(error.response["ResponseMetadata"].get("HTTPStatusCode", 0))
    if code == _TAKEN:
        return _Taken()
    if code == "NoSuchKey":
        return _Gone()
    if code in _FULL:
        return BundleStoreFull(f"S3 has no room: {code}")
    if status in _REFUSED:
        return BundleStoreRefused(f"S3 says no: {code}")
    return BundleStoreUnavailable(f"S3 failed: {code} ({status})")
