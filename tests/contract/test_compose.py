"""What `docker-compose.yml` and `Dockerfile` promise, as far as it can be seen without running them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from chat.privacy.bounds import RETENTION_CHECK
from chat.servers.artefacts import locked
from chat.settings import Settings

ROOT = Path(__file__).parents[2]
OURS = ("setup", "worker", "api")
VOLUMES = {
    "setup": ["keys:/keys"],
    "worker": ["keys:/keys", "exports:/exports", "ledger:/ledger"],
    "api": ["keys:/keys:ro", "exports:/exports:ro"],
}
SECRET = "0123456789abcdef0123456789abcdef"

Compose = dict[str, Any]


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def services(text: str) -> Compose:
    found: Compose = yaml.safe_load(text)["services"]
    return found


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize(("service", "artefact"), [("kafka", "kafka_2.13"), ("cassandra", "cassandra-all")])
def test_an_image_has_the_embedded_servers_version(services: Compose, service: str, artefact: str) -> None:
    """A tag names the version of the jars, whole or down to the release line."""
    tag = services[service]["image"].split(":")[1].split(".")
    (version,) = {jar.version for jar in locked(service) if jar.artifactId == artefact}
    assert len(tag) > 1
    assert version.split(".")[: len(tag)] == tag


def test_every_variable_is_a_setting(services: Compose, text: str) -> None:
    """No variable that our processes are given is misspelt, nor one that compose asks the operator for."""
    given = {name for service in OURS for name in services[service]["environment"]}
    asked = set(re.findall(r"\$\{(\w+)", text))
    assert {name.lower() for name in given | asked} <= set(Settings.model_fields)


@pytest.mark.parametrize("service", OURS)
def test_the_settings_are_accepted(services: Compose, service: str) -> None:
    """Our processes start with what compose gives them."""
    given = services[service]["environment"]
    values: dict[str, Any] = {name.lower(): _interpolated(value) for name, value in given.items()}
    settings = Settings.model_validate(values)
    assert settings.kafka_bootstrap_servers == ("kafka:19092",)
    assert settings.cassandra_contact_points == ("cassandra",)


def test_the_broker_looks_for_what_is_to_be_deleted_as_often_as_receipts_say(services: Compose) -> None:
    """The bound for the bytes of commands holds on it."""
    assert services["kafka"]["environment"]["KAFKA_LOG_RETENTION_CHECK_INTERVAL_MS"] == RETENTION_CHECK


def test_the_secret_must_be_given(text: str) -> None:
    """Compose refuses to start without a secret of the operator's own."""
    assert re.findall(r"JWT_SECRET_KEY: (.*)", text) == ["${JWT_SECRET_KEY:?set it to a secret of at least 32 bytes}"]


def test_every_service_is_watched(services: Compose, dockerfile: str) -> None:
    """Each service has a health check, its own or its image's, or another waits for its good end."""
    completed = {name for name, condition in _conditions(services) if condition == "service_completed_successfully"}
    for name, service in services.items():
        own = service.get("healthcheck", {})
        built = "build" in service and "\nHEALTHCHECK" in dockerfile
        assert name in completed or "test" in own or (built and not own), name


def test_nobody_waits_for_a_service_that_cannot_get_there(services: Compose) -> None:
    """What a service waits for is a service, and one that has a health check where that is what it waits for."""
    for name, condition in _conditions(services):
        assert name in services
        assert condition == "service_completed_successfully" or services[name]["healthcheck"]["test"]


def test_the_image_is_asked_where_it_listens(dockerfile: str) -> None:
    """A worker and an API listen on the port that the health check asks."""
    ports = re.findall(r"(?:API_PORT=|METRICS_PORT=|EXPOSE |127\.0\.0\.1:)(\d+)", dockerfile)
    assert len(ports) == 4
    assert len(set(ports)) == 1


@pytest.mark.parametrize("service", OURS)
def test_our_processes_have_few_rights(services: Compose, service: str) -> None:
    """No root, no capabilities, a bound on memory; to write to but /tmp, `setup` has the keys, a worker exports."""
    options = services[service]
    assert options["read_only"] is True
    assert options["cap_drop"] == ["ALL"]
    assert options["security_opt"] == ["no-new-privileges:true"]
    assert options["mem_limit"]
    assert options["volumes"] == VOLUMES[service]


def test_tools_are_asked_for_and_seen_from_here_alone(services: Compose) -> None:
    """What shows children's words is not started by itself, changes nothing, and listens on this machine only."""
    tools = [name for name, options in services.items() if "tools" in options.get("profiles", [])]
    assert tools == ["kafka-ui"]
    assert services["kafka-ui"]["environment"]["KAFKA_CLUSTERS_0_READONLY"] == "true"
    assert all(port.startswith("127.0.0.1:") for options in services.values() for port in options.get("ports", []))


def test_folders_of_keys_and_exports_are_their_users_alone(services: Compose, dockerfile: str) -> None:
    """The image makes the folders that every process is told of, as strict as the service asks for."""
    told = [services[service]["environment"] for service in OURS]
    assert {one["KEK_FOLDER"] for one in told} == {"/keys"}
    assert {one["SIGNING_KEY_FILE"] for one in told} == {"/keys/signing.pem"}
    assert {one["EXPORT_FOLDER"] for one in told} == {"/exports"}
    assert {one["ERASURE_LEDGER"] for one in told} == {"/ledger"}
    assert "install --directory --owner 10001 --mode 0700 /keys /exports" in dockerfile


def test_the_image_runs_as_nobody_special(dockerfile: str) -> None:
    """The last USER of the image is a number other than root's."""
    assert int(re.findall(r"^USER (\d+)$", dockerfile, re.MULTILINE)[-1]) > 0


def _conditions(services: Compose) -> Iterator[tuple[str, str]]:
    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            yield name, how["condition"]


def _interpolated(value: str) -> str:
    """As compose does it: the default of a variable that is unset, a secret for one that must be given."""
    return re.sub(r"\$\{\w+:([-?])([^}]*)\}", lambda found: found[2] if found[1] == "-" else SECRET, str(value))
