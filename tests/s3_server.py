"""A real S3 server for the tests: S3Proxy 4.1.0 over a folder, which checks signatures and conditions as S3 does."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from chat.servers.artefacts import fetch
from chat.servers.free_port import LOCALHOST, free_port, is_free
from chat.servers.java import find_java
from chat.servers.process import ServerProcess
from chat.servers.server import Program, compiler, heap
from tests.wait import until

MAIN = "org.gaul.s3proxy.Main"
BUCKET = "bundles"
ACCESS_KEY = "the-tests-access-key"
SECRET_KEY = "the secret of the tests' access key"
GRACE_SECONDS = 5.0


class S3Server(NamedTuple):
    """Where it listens, and its process; its files are in `data`."""

    endpoint: str
    data: Path
    process: ServerProcess

    def client(self, secret: str = SECRET_KEY, endpoint: str | None = None) -> Any:
        """A boto3 client that tries once, and has patience with a machine that stands still."""
        config = Config(
            connect_timeout=60,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": 1},
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return boto3.client(
            "s3",
            endpoint_url=endpoint or self.endpoint,
            config=config,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=secret,
        )


@contextmanager
def s3_server(provider: str = "filesystem-nio2") -> Iterator[S3Server]:
    """A server with one empty bucket, in a folder of its own; `transient-nio2` is in memory and knows versions."""
    with tempfile.TemporaryDirectory(prefix="chat-s3-") as folder:
        data, port = Path(folder) / "data", free_port()
        data.mkdir()
        process = ServerProcess("s3proxy", _command(Path(folder), data, port, provider), Path(folder) / "s3proxy.log")
        try:
            until(lambda: not is_free(port), 60, "the S3 server")
            server = S3Server(f"http://{LOCALHOST}:{port}", data, process)
            server.client().create_bucket(Bucket=BUCKET)
            yield server
        finally:
            process.stop(GRACE_SECONDS)


def _command(folder: Path, data: Path, port: int, provider: str) -> list[str]:
    settings = {
        "s3proxy.endpoint": f"http://{LOCALHOST}:{port}",
        "s3proxy.authorization": "aws-v4",
        "s3proxy.identity": ACCESS_KEY,
        "s3proxy.credential": SECRET_KEY,
        "jclouds.provider": provider,
        "jclouds.filesystem.basedir": str(data),
    }
    file = folder / "s3proxy.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    program = Program(find_java(), fetch(["s3proxy"])["s3proxy"])
    return program.command([*heap(256), *compiler(c2=False)], MAIN, "--properties", str(file))
