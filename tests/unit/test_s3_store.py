"""What S3's answers mean."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError

from chat.errors import BundleStoreUnavailable
from chat.privacy.export.s3_store import S3Store


def store(code: str, status: int) -> S3Store:
    """Of an S3 that answers every write so, and has an empty object of any name."""
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}

    def put_object(**_asked: Any) -> NoReturn:
        raise ClientError(answer, "PutObject")

    def get_object(**_asked: Any) -> dict[str, Any]:
        return {"Body": SimpleNamespace(read=lambda: b"", close=lambda: None), "ETag": "1"}

    return S3Store("bucket", client=SimpleNamespace(put_object=put_object, get_object=get_object))


async def test_a_name_that_is_taken_is_taken() -> None:
    assert not await store("PreconditionFailed", 412).put("b", "one", b"x")


async def test_a_write_under_way_decides_nothing_yet() -> None:
    """S3 says so while it is still at work on our own first try, too: whoever waits finds out."""
    with pytest.raises(BundleStoreUnavailable, match="ConditionalRequestConflict"):
        await store("ConditionalRequestConflict", 409).put("b", "one", b"x")


async def test_an_object_that_is_only_called_like_a_bundle_is_none() -> None:
    """It would be deleted in vain at every look, as nothing lies below its name."""
    keys = ("a" * 32, f"{'b' * 32}/key")

    def list_objects_v2(**asked: Any) -> dict[str, Any]:
        after = asked.get("StartAfter", "")
        return {"Contents": [{"Key": one, "LastModified": datetime.now(UTC)} for one in keys if one > after]}

    bucket = S3Store("bucket", client=SimpleNamespace(list_objects_v2=list_objects_v2))
    assert [kept.bundle async for kept in bucket.bundles()] == ["b" * 32]
