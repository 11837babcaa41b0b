"""A house on secured servers in which every process has a role of its own, and no right that its role does not need."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chat import topics
from chat.settings import Settings
from chat.storage import migrate
from tests.chat_program import ChatProgram, Ended
from tests.records import PARTITIONS
from tests.secured_servers import SecuredServers, run_cql, secured_servers
from tests.token_endpoint import token_endpoint
from tests.worker import ROOT, environment

ACLS = ROOT / "deploy" / "kafka" / "acls.yaml"
OPERATOR = (ROOT / "deploy" / "cassandra" / "operator.cql").read_text(encoding="utf-8")
ROLES = (ROOT / "deploy" / "cassandra" / "roles.cql").read_text(encoding="utf-8")
KAFKA_ROLES = ("producer", "waiting-producer", "worker", "api", "compliance", "reader", "operator")
CASSANDRA_ROLES = ("worker", "api", "compliance")
WAYS = ("scram", "certificate", "token")
"""How a client shows Kafka who it is."""


def password(role: str) -> str:
    """Of a role's user, everywhere."""
    return f"planted-password-of-{role}"


@dataclass(frozen=True)
class SecuredHouse:
    """`granted` is how `chat acls apply` ended."""

    servers: SecuredServers
    granted: Ended
    folder: Path

    def settings(self, role: str, way: str = "scram", **changes: object) -> Settings:
        """Those of a process of a role."""
        mine: dict[str, object] = {
            "topic_partitions": PARTITIONS,
            "kafka_ssl_cafile": self.servers.authority.file,
            "cassandra_username": f"chat_{role}_login",
            "cassandra_password": password(role),
        }
        return self.servers.admin.model_copy(update=mine | self._way(role, way) | changes)

    def chat(self, settings: Settings, **variables: str) -> ChatProgram:
        """The program, run by somebody who has these settings."""
        return ChatProgram(self.folder, environment(settings) | variables)

    def _way(self, role: str, way: str) -> dict[str, object]:
        kafka = self.servers.kafka
        if way == "certificate":
            signed = self.servers.authority.sign(f"chat-{role}", password=password(role))
            return {
                "kafka_bootstrap_servers": (kafka.by_certificate,),
                "kafka_security_protocol": "SSL",
                "kafka_ssl_certfile": signed.certificate,
                "kafka_ssl_keyfile": signed.key,
                "kafka_ssl_key_password": password(role),
            }
        login: dict[str, object] = {
            "kafka_bootstrap_servers": (kafka.by_login,),
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_username": f"chat-{role}",
            "kafka_sasl_password": password(role),
        }
        if way == "scram":
            return login
        tokens = {"kafka_sasl_oauth_token_url": self.servers.endpoint.tokens, "kafka_sasl_oauth_scope": "brokers"}
        return login | tokens | {"kafka_sasl_mechanism": "OAUTHBEARER"}


@contextmanager
def secured_house(folder: Path) -> Iterator[SecuredHouse]:
    """Servers, topics and tables, made by the operator; users of every role."""
    clients = {f"chat-{role}": password(role) for role in KAFKA_ROLES}
    with token_endpoint(clients) as endpoint, secured_servers(endpoint) as servers:
        for user, secret in clients.items():
            servers.add_login(user, secret)
        names = [f"--principal={role}=User:CN=chat-{role}" for role in KAFKA_ROLES]
        chat = ChatProgram(folder, environment(servers.admin))
        granted = [chat.run("acls", "apply", str(ACLS), *more) for more in (names, [], [])][-1]
        house = SecuredHouse(servers, granted, folder)
        _furnish(house)
        yield house


def _furnish(house: SecuredHouse) -> None:
    admin, operator = house.servers.admin, house.settings("operator")
    run_cql(admin, OPERATOR + _login("operator"))
    asyncio.run(migrate.migrate(operator))
    run_cql(admin, ROLES + "".join(map(_login, CASSANDRA_ROLES)))
    asyncio.run(topics.apply(operator))


def _login(role: str) -> str:
    login = f"chat_{role}_login"
    return f"""
        CREATE ROLE IF NOT EXISTS {login} WITH PASSWORD = '{password(role)}' AND LOGIN = true;
        GRANT chat_{role} TO {login};
    """
