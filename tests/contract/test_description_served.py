"""A running API answers as `docs/openapi.yaml` says, whatever schemathesis thinks of."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from chat.servers.embedded import Addresses
from chat.servers.free_port import free_port
from tests.api_process import SECONDS, api_processes, serves
from tests.clean_house import clean_house, drop_keyspace
from tests.described_house import LEARNER, TENANT, fill
from tests.records import token
from tests.wait import until
from tests.worker import ROOT

DESCRIPTION = ROOT / "docs" / "openapi.yaml"
CONFIG = Path(__file__).with_name("schemathesis.toml")
SHOWN_AND_REFUSED = {
    "/api/v1/threads": {200, 400},  # whether another learner's id is made up is luck; the tests of permissions have it
    "/api/v1/threads/{thread_id}": {200, 404},
    "/api/v1/threads/{thread_id}/messages": {200, 400, 404},
    "/api/v1/threads/{thread_id}/messages/{message_id}": {200, 404},
    "/api/v1/threads/{thread_id}/stream": {200, 400, 404},
    "/api/v1/refusals": {200, 400},
}
"""What each route answers to one who may read one of a tenant's learners."""

READER = token(
    TENANT, learners=[LEARNER.learner_id], permissions=["threads:read", "messages:read", "messages:moderate"]
)


@pytest.fixture(scope="module")
def address(servers: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where an API process serves the history that the description's examples are of."""
    # A stream does not end by itself otherwise, and nobody's program would wait for that.
    served = clean_house(servers, enable_rate_limiting=False, api_port=free_port(), stream_seconds=0.02)
    asyncio.run(fill(served))
    with api_processes(tmp_path_factory.mktemp("api")) as start:
        found = start(served).address()
        until(lambda: serves(found), SECONDS, "readiness")
        yield found
    drop_keyspace(served)


class Run:
    """One run of schemathesis: how it ended, what it said, and how often each route answered with each status."""

    def __init__(self, address: str, folder: Path, bearer: str | None, *options: str, file: Path = DESCRIPTION) -> None:
        before = _answers(address)
        program = "from schemathesis.cli import schemathesis; schemathesis()"
        command = [sys.executable, "-c", program, "--config-file", str(CONFIG), "--no-color", "run", str(file)]
        header = ["-H", f"Authorization: Bearer {bearer}"] if bearer else []
        ended = subprocess.run(
            [*command, "--url", address, "--checks", "all", "--continue-on-failure", *header, *options],
            env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.description_checks", "PYTHONPATH": str(ROOT)},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        self.status = ended.returncode
        self.said = ended.stdout + ended.stderr
        self.answers = _answers(address) - before

    def statuses(self) -> dict[str, set[int]]:
        """What each route of the history answered, but 405."""
        return {
            route: {status for where, status in self.answers if where == route} - {405} for route in SHOWN_AND_REFUSED
        }


def _answers(address: str) -> Counter[tuple[str, int]]:
    """How often each route has answered with each status so far."""
    families = text_string_to_metric_families(httpx.get(f"{address}/metrics", timeout=60).text)
    samples = (sample for family in families for sample in family.samples)
    return Counter(
        {
            (one.labels["route"], int(one.labels["status"])): int(one.value)
            for one in samples
            if one.name == "chat_http_request_seconds_count"
        }
    )


def _shows_and_refuses(run: Run) -> None:
    """It found nothing wrong, and tried what it should."""
    assert run.status == 0, run.said
    answered = run.statuses()
    assert {route: SHOWN_AND_REFUSED[route] & answered[route] for route in answered} == SHOWN_AND_REFUSED
    assert max(status for _, status in run.answers) < 500


def _shows_nothing(run: Run) -> None:
    assert run.status == 0, run.said
    assert run.statuses() == {route: {401} for route in SHOWN_AND_REFUSED}


def test_to_its_readers_it_answers_as_described(address: str, tmp_path: Path, seed: int) -> None:
    """All checks, good and bad parameters, links from one answer to the next; each route shows and refuses."""
    _shows_and_refuses(Run(address, tmp_path, READER, "--seed", str(seed), "-n", "15"))


def test_to_nobody_it_answers_as_described(address: str, tmp_path: Path, seed: int) -> None:
    """Without a token it is 401 everywhere, and the rest is as described."""
    _shows_nothing(Run(address, tmp_path, None, "--seed", str(seed), "-n", "8"))


def test_a_description_that_is_not_true_is_found_out(address: str, tmp_path: Path) -> None:
    """The same run fails where the description has one field as something else, and says which."""
    described = yaml.safe_load(DESCRIPTION.read_text(encoding="utf-8"))
    described["components"]["schemas"]["Thread"]["properties"]["unread"] = {"type": "string"}
    false = tmp_path / "openapi.yaml"
    false.write_text(yaml.safe_dump(described), encoding="utf-8")
    run = Run(address, tmp_path, READER, "--phases", "examples", file=false)
    assert run.status == 1, run.said
    assert "unread" in run.said


@pytest.mark.soak
def test_for_a_long_time_it_answers_as_described(address: str, tmp_path: Path, seed: int) -> None:
    """The runs above with many more examples."""
    _shows_and_refuses(Run(address, tmp_path, READER, "--seed", str(seed), "-n", "2000"))
    _shows_nothing(Run(address, tmp_path, None, "--seed", str(seed), "-n", "500"))
