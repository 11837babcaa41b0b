"""What S3's answers mean."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError

from chat.errors import BundleStoreRefused, BundleStoreUnavailable
from chat.privacy.export.bundle_key import make_or_find
from chat.privacy.export.s3_store import S3Store
from tests.bundles import LocalWrap

ONE = "a" * 32


def refusal(code: str, status: int) -> Any:
    """An answer of S3."""
    return {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


def store(code: str, status: int) -> S3Store:
    """Of an S3 that answers every write so, and has an empty object of any name."""

    def put_object(**_asked: Any) -> NoReturn:
        raise ClientError(refusal(code, status), "PutObject")

    def get_object(**_asked: Any) -> dict[str, Any]:
        return {"Body": SimpleNamespace(read=lambda: b"", close=lambda: None), "ETag": "1"}

    return S3Store("bucket", client=SimpleNamespace(put_object=put_object, get_object=get_object))


class Bucket:
    """The client of a bucket with one bundle, as far as deletions go. `versioning` is what it is at each question."""

    def __init__(self, *versioning: str | None) -> None:
        self.keys = [f"{ONE}/contents", f"{ONE}/key"]
        self._versioning = iter(versioning)

    def get_bucket_versioning(self, **_asked: Any) -> dict[str, Any]:
        status = next(self._versioning)
        return {"Status": status} if status else {}

    def get_object(self, **_asked: Any) -> NoReturn:
        raise ClientError(refusal("NoSuchKey", 404), "GetObject")

    def list_objects_v2(self, **_asked: Any) -> dict[str, Any]:
        return {"Contents": [{"Key": one} for one in self.keys]}

    def delete_object(self, **asked: Any) -> None:
        self.keys.remove(asked["Key"])

    def delete_objects(self, **asked: Any) -> dict[str, Any]:
        for one in asked["Delete"]["Objects"]:
            self.keys.remove(one["Key"])
        return {}


async def test_a_name_that_is_taken_is_taken() -> None:
    assert not await store("PreconditionFailed", 412).put("b", "one", b"x")


async def test_a_write_under_way_decides_nothing_yet() -> None:
    """S3 says so while it is still at work on our own first try, too: whoever waits finds out."""
    with pytest.raises(BundleStoreUnavailable, match="ConditionalRequestConflict"):
        await store("ConditionalRequestConflict", 409).put("b", "one", b"x")


async def test_an_object_that_is_only_called_like_a_bundle_is_none() -> None:
    """It would be deleted in vain at every look, as nothing lies below its name."""
    keys = (ONE, f"{'b' * 32}/key")

    def list_objects_v2(**asked: Any) -> dict[str, Any]:
        after = asked.get("StartAfter", "")
        return {"Contents": [{"Key": one, "LastModified": datetime.now(UTC)} for one in keys if one > after]}

    bucket = S3Store("bucket", client=SimpleNamespace(list_objects_v2=list_objects_v2))
    assert [kept.bundle async for kept in bucket.bundles()] == ["b" * 32]


async def test_a_server_that_lacks_what_is_asked_of_it_says_no() -> None:
    """It will lack it the next time, too: somebody has to take another."""
    with pytest.raises(BundleStoreRefused, match="NotImplemented"):
        await store("NotImplemented", 501).put(ONE, "one", b"x")


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
async def test_a_bucket_that_keeps_versions_is_refused_before_anything_is_hidden(status: str) -> None:
    """What is deleted there stays, so nobody is told that it is gone."""
    bucket = Bucket(status)
    with pytest.raises(BundleStoreRefused, match=f"keeps old versions.*{status}"):
        await S3Store("bucket", client=bucket).delete(ONE)
    assert bucket.keys == [f"{ONE}/contents", f"{ONE}/key"]


async def test_versions_that_begin_while_a_bundle_is_deleted_are_noticed() -> None:
    """They are asked for once more behind the last object; a bucket that never had any ends well."""
    with pytest.raises(BundleStoreRefused, match="keeps old versions"):
        await S3Store("bucket", client=Bucket(None, "Enabled")).delete(ONE)
    bucket = Bucket(None, None)
    await S3Store("bucket", client=bucket).delete(ONE)
    assert bucket.keys == []


async def test_no_bundle_begins_in_a_bucket_that_keeps_versions() -> None:
    """An export waits before it has put anything."""
    with pytest.raises(BundleStoreRefused, match="keeps old versions"):
        await make_or_find(S3Store("bucket", client=Bucket("Enabled")), LocalWrap(), "b" * 32)
