"""The Helm chart, as far as it can be seen without Helm and without a cluster."""

import asyncio
import copy
import hashlib
import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema_rs import Draft7Validator

from chat.cli.chart_schema import PLACES, SERVERS, with_settings
from chat.privacy.key_folder import KeyFolder
from chat.settings import Settings
from chat.topic_specs import Topic
from tests.worker import ROOT

HELM = ROOT / "deploy" / "helm"
CHART = HELM / "aivo-chat"
RENDERED = (HELM / "rendered.yaml").read_text(encoding="utf-8")
OBJECTS: list[dict[str, Any]] = [one for one in yaml.safe_load_all(RENDERED) if one]
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
VALUES = Draft7Validator(SCHEMA)
COMPONENTS = {"worker": "worker", "api": "api", "migration": "operator"}
"""With their roles, as deploy/kafka and deploy/cassandra name them."""
OWN_SCHEMAS = {"ScaledObject", "ServiceMonitor"}
"""Kinds that Kubernetes does not have by itself."""


def merged(below: Any, above: Any) -> Any:
    """Values as Helm puts them together."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {name: merged(below.get(name), one) for name, one in above.items()}


def values() -> dict[str, Any]:
    """Those of the example."""
    files = (CHART / "values.yaml", HELM / "example.yaml")
    default, example = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in files)
    found: dict[str, Any] = merged(default, example)
    return found


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """The component and the pod's specification of everything that runs."""
    for one in OBJECTS:
        if one["kind"] in {"Deployment", "Job"}:
            yield one["metadata"]["labels"]["app.kubernetes.io/component"], one["spec"]["template"]["spec"]


def containers() -> Iterator[dict[str, Any]]:
    """All of all pods."""
    for _, pod in pods():
        yield from pod["initContainers"] + pod["containers"]


def environments() -> dict[str, dict[str, Any]]:
    """By component what its process is given: values, and of secrets where they are."""
    return {
        component: {one["name"]: one.get("value") or one["valueFrom"]["secretKeyRef"] for one in container["env"]}
        for component, pod in pods()
        for container in pod["containers"]
    }


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind, by their component."""
    found = (one for one in OBJECTS if one["kind"] == kind)
    return {one["metadata"]["labels"]["app.kubernetes.io/component"]: one for one in found}


def test_what_is_rendered_is_of_these_sources() -> None:
    """`make chart` was run after the last change of the chart."""
    sources = [
        CHART / "Chart.yaml",
        CHART / "values.yaml",
        *sorted((CHART / "templates").iterdir()),
        HELM / "example.yaml",
    ]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    assert RENDERED.partition("\n")[0].endswith(f"Of sources with sha256 {digest}")


@pytest.mark.parametrize("version", ["1.33", "1.37"])
def test_kubernetes_knows_every_field(version: str) -> None:
    """By its own schemas, strictly; a field that is misspelt would not pass."""
    known = [one for one in OBJECTS if one["kind"] not in OWN_SCHEMAS]
    assert len(known) >= 10
    for one in known:
        kubernetes_validate.validate(one, version, strict=True)
    broken = copy.deepcopy(of_kind("Deployment")["api"])
    broken["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, version, strict=True)


def test_the_schema_of_values_has_todays_settings() -> None:
    """`make docs` would change nothing; every setting is a value, a secret, or the chart's own."""
    assert with_settings(SCHEMA) == SCHEMA
    known = [SCHEMA["definitions"][part]["propertyNames"]["enum"] for part in ("settings", "secrets")]
    assert {*known[0], *known[1]} | {name.upper() for name in PLACES | SERVERS} == set(
        map(str.upper, Settings.model_fields)
    )
    assert set(known[1]) >= {"JWT_SECRET_KEY", "CASSANDRA_PASSWORD", "KAFKA_SASL_PASSWORD", "REDIS_URL", "VAULT_TOKEN"}


def test_wrong_values_are_refused() -> None:
    """The example is right; misspelt settings, secrets in plain text, no image, no keys, no place for exports: not."""
    assert [str(error) for error in VALUES.iter_errors(values())] == []
    wrong: list[dict[str, Any]] = [
        {"settings": {"KAFKA_BOOTSTRAP_SERVER": "kafka:9092"}},
        {"settings": {"CASSANDRA_PASSWORD": "in plain text"}},
        {"secrets": {"CASSANDRA_PASSWORD": "in plain text"}},
        *({component: {"settings": {"KAFKA_SASL_USER": "chat"}}} for component in COMPONENTS),
        *({component: {"settings": {"CASSANDRA_PASSWORD": "in plain text"}}} for component in COMPONENTS),
        *({component: {"secrets": {"CASSANDRA_PASSWORD": "in plain text"}}} for component in COMPONENTS),
        {"image": {"repository": ""}},
        {"keys": {"secretName": ""}},
        {"ledger": {"claimName": ""}},
        {"settings": {"EXPORT_S3_BUCKET": ""}},
        {"worker": {"replica": 3}},
    ]
    for change in wrong:
        assert not VALUES.is_valid(merged(values(), change)), change


def test_the_settings_are_accepted() -> None:
    """Our processes start with what their pods are given, and each pod has all of it."""
    for component, pod in pods():
        (container,) = pod["containers"]
        env = {one["name"]: one for one in container["env"]}
        assert len(env) == len(container["env"]), component
        assert {name.lower() for name in env} <= set(Settings.model_fields), component
        given = {name.lower(): one.get("value", "a secret of the cluster, 32 bytes long") for name, one in env.items()}
        settings = Settings.model_validate(given)
        assert settings.environment == "production"
        assert settings.topic_partitions == 24


def test_each_pod_has_the_identity_of_its_role() -> None:
    """Users that the roles were granted to, and of the passwords its own alone."""
    roles = "".join((ROOT / "deploy" / "cassandra" / name).read_text("utf-8") for name in ("operator.cql", "roles.cql"))
    acls = yaml.safe_load((ROOT / "deploy" / "kafka" / "acls.yaml").read_text(encoding="utf-8"))
    assert environments().keys() == COMPONENTS.keys()
    for component, env in environments().items():
        role = COMPONENTS[component]
        assert role in acls
        assert env["KAFKA_SASL_USERNAME"] == f"chat-{role}"
        assert f"CREATE ROLE IF NOT EXISTS chat_{role};" in roles
        assert env["CASSANDRA_USERNAME"] == f"chat_{role}_login"
        secrets = {one["name"] for one in env.values() if isinstance(one, dict)}
        assert secrets - {"chat-redis"} == {f"chat-{role}"}
        assert ("REDIS_URL" in env) == (component == "api")


def test_what_a_component_has_of_its_own_goes_before_what_all_share() -> None:
    """In both directions: the shared ones hold where it says nothing, and its own are nobody else's."""
    given = values()
    for component, env in environments().items():
        own = given[component]
        asked = given["settings"] | own["settings"] | given["secrets"] | own["secrets"]
        assert {name: one for name, one in env.items() if name.lower() not in PLACES} == asked, component
    assert {component: env["LOG_LEVEL"] for component, env in environments().items()} == {
        "worker": "INFO",
        "api": "WARNING",
        "migration": "INFO",
    }


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_may_have_nothing_of_its_own(component: str) -> None:
    """As without the example: nothing by default, and the shared ones are enough for the schema."""
    default = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert (default[component]["settings"], default[component]["secrets"]) == ({}, {})
    assert VALUES.is_valid(values() | {component: default[component]})


def test_no_container_may_more_than_it_must() -> None:
    """No root, no capabilities, nothing to write to but its volumes, no token of the cluster, and a bound on memory."""
    for _, pod in pods():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    found = list(containers())
    assert len(found) == 6
    for one in found:
        security = one["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert one["resources"]["limits"]["memory"]
        assert one["resources"]["requests"]["cpu"]


def test_keys_are_open_to_their_user_alone() -> None:
    """Copied into memory with an umask, where the settings look for them; no process writes to them."""
    for _, pod in pods():
        (copy_keys,), (process,) = pod["initContainers"], pod["containers"]
        assert "umask 077" in copy_keys["args"][0]
        volumes = {one["name"]: one for one in pod["volumes"]}
        assert volumes["keys"]["emptyDir"]["medium"] == "Memory"
        (mount,) = [one for one in process["volumeMounts"] if one["name"] == "keys"]
        assert mount["readOnly"] is True
        env = {one["name"]: one.get("value", "") for one in process["env"]}
        assert env["KEK_FOLDER"].startswith(mount["mountPath"])
        assert env["SIGNING_KEY_FILE"].startswith(env["KEK_FOLDER"])
        assert env["KEK_FOLDER"] in copy_keys["args"][0]


def test_what_workers_write_lies_on_volumes_of_their_own() -> None:
    """Receipts of erasures above all: without a place for them no erasure comes to its end."""
    for component, pod in pods():
        (process,) = pod["containers"]
        env = {one["name"]: one.get("value", "") for one in process["env"]}
        mounts = {one["mountPath"]: one for one in process["volumeMounts"]}
        volumes = {one["name"]: one for one in pod["volumes"]}
        assert (env["ERASURE_LEDGER"] in mounts) == (component == "worker")
        if component == "worker":
            mount = mounts[env["ERASURE_LEDGER"]]
            assert not mount.get("readOnly", False)
            assert volumes[mount["name"]] == {"name": "ledger", "persistentVolumeClaim": {"claimName": "chat-ledger"}}


def test_copied_keys_are_accepted(tmp_path: Path) -> None:
    """The init container's command, on files as Kubernetes mounts a secret, makes a folder that the service takes."""
    _, pod = next(pods())
    mounted = tmp_path / "secret"
    hidden = mounted / "..data"
    hidden.mkdir(parents=True)
    (tmp_path / "chat").mkdir(mode=0o777)
    for name in ("e1.key", "signing.pem"):
        (hidden / name).write_bytes(b"k" * 32)
        (hidden / name).chmod(0o444)
        (mounted / name).symlink_to(f"..data/{name}")
    script = pod["initContainers"][0]["args"][0]
    script = script.replace("/run/chat", str(tmp_path / "chat")).replace("/secret", str(mounted))
    for _ in range(2):  # it runs again where the pod's sandbox is made anew
        subprocess.run(["sh", "-ec", script], check=True)
    copied = tmp_path / "chat" / "keys"
    assert asyncio.run(KeyFolder(copied).has("e1"))
    assert sorted(path.name for path in copied.iterdir()) == ["e1.key", "signing.pem"]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (copied, *copied.iterdir())} == {0}


def test_tables_and_topics_come_first() -> None:
    """As a hook, which needs nothing that is not there yet."""
    job = of_kind("Job")["migration"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["chat migrate && chat topics apply"]
    assert "configMap" not in json.dumps(job)


def test_processes_are_asked_where_they_listen() -> None:
    """By the image's port and the paths of the contract: liveness asks no server, readiness does."""
    for one in of_kind("Deployment").values():
        (container,) = one["spec"]["template"]["spec"]["containers"]
        assert container["ports"] == [{"name": "http", "containerPort": 8000}]
        paths = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
        assert {name: one["path"] for name, one in paths.items()} == {
            "startup": "/health/live",
            "liveness": "/health/live",
            "readiness": "/health/ready",
        }
        assert {one["port"] for one in paths.values()} == {"http"}


def test_every_selector_finds_its_pods() -> None:
    """Services, budgets, policies and monitors select what a deployment or the job makes."""
    made = dict(_labels())
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor"):
        found = of_kind(kind)
        assert found.keys() >= {"api", "worker"}, kind
        for component, one in found.items():
            selector = one["spec"].get("podSelector") or one["spec"]["selector"]
            assert (selector.get("matchLabels") or selector).items() <= made[component].items(), (kind, component)


def test_workers_follow_the_lag() -> None:
    """Up to one a partition, and then the deployment has no number of its own."""
    spec = of_kind("ScaledObject")["worker"]["spec"]
    (trigger,) = spec["triggers"]
    assert spec["maxReplicaCount"] == 24
    assert trigger["metadata"]["topic"] == Topic.COMMANDS
    assert trigger["metadata"]["consumerGroup"] == Settings.model_fields["consumer_group"].default
    assert spec["scaleTargetRef"]["name"] == of_kind("Deployment")["worker"]["metadata"]["name"]
    assert "replicas" not in of_kind("Deployment")["worker"]["spec"]
    assert "replicas" in of_kind("Deployment")["api"]["spec"]


def test_the_network_is_closed_but_for_what_is_needed() -> None:
    """Nobody reaches the migration; the others one port; outwards only what is listed."""
    policies = of_kind("NetworkPolicy")
    assert policies.keys() == {"api", "worker", "migration"}
    for component, one in policies.items():
        assert one["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert all(rule["ports"] for rule in one["spec"]["egress"])
        ports = [port["port"] for rule in one["spec"].get("ingress", []) for port in rule["ports"]]
        assert ports == ([] if component == "migration" else ["http"])


def _labels() -> Iterator[tuple[str, dict[str, str]]]:
    for one in OBJECTS:
        if one["kind"] in {"Deployment", "Job"}:
            labels = one["spec"]["template"]["metadata"]["labels"]
            yield labels["app.kubernetes.io/component"], labels
