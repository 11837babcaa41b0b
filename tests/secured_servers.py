"""Kafka and Cassandra as a production has them: TLS, client certificates, passwords, tokens, and rights by role.

Kafka has a plain listener for its superuser beside the two that are tried: SSL asks for a client's certificate,
SASL_SSL for a password (SCRAM) or a token (OAUTHBEARER). Cassandra asks for both a certificate and a password.
"""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from chat.errors import StorageRefused, StorageUnavailable
from chat.servers.artefacts import fetch
from chat.servers.cassandra import CassandraServer
from chat.servers.cassandra_yaml import Ring
from chat.servers.folder import DataFolder
from chat.servers.free_port import free_port, is_free
from chat.servers.java import find_java
from chat.servers.kafka import KafkaServer
from chat.servers.server import Program
from chat.settings import Settings
from chat.storage.cql_script import statements
from chat.storage.session import Connection
from tests.authority import Authority, Signed
from tests.records import settings_for_tests
from tests.token_endpoint import AUDIENCE, ISSUER, TokenEndpoint
from tests.wait import until

HOST = "127.0.0.1"
OAUTH = "org.apache.kafka.common.security.oauthbearer"
SCRAM = "org.apache.kafka.common.security.scram"
SUPERUSER = "cassandra"
PATIENCE_SECONDS = 120.0
TABLES = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s"


class SecuredKafka(KafkaServer):
    """The embedded broker with listeners for clients that say who they are, and rights for each."""

    def __init__(self, folder: DataFolder, program: Program, identity: Signed, authority: Path, keys: str) -> None:
        super().__init__(folder, program, port=0)
        self.by_certificate = f"{HOST}:{free_port()}"
        self.by_login = f"{HOST}:{free_port()}"
        self._keys = keys
        self.overrides = self._listeners() | _tls(identity, authority) | self._logins() | RIGHTS

    def prepare(self) -> list[str]:
        java, *rest = super().prepare()
        return [java, f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self._keys}", *rest]

    def _listeners(self) -> dict[str, str]:
        own = f"PLAINTEXT://{self.bootstrap},CONTROLLER://{HOST}:{self.controller_port}"
        return {
            "listeners": f"{own},SSL://{self.by_certificate},SASL_SSL://{self.by_login}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL",
        }

    def _logins(self) -> dict[str, str]:
        login = "listener.name.sasl_ssl"
        token = f"{login}.oauthbearer.sasl"
        return {
            f"{login}.sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
            f"{login}.scram-sha-512.sasl.jaas.config": f"{SCRAM}.ScramLoginModule required;",
            f"{token}.jaas.config": f"{OAUTH}.OAuthBearerLoginModule required;",
            f"{token}.server.callback.handler.class": f"{OAUTH}.OAuthBearerValidatorCallbackHandler",
            "sasl.oauthbearer.jwks.endpoint.url": self._keys,
            "sasl.oauthbearer.expected.audience": AUDIENCE,
            "sasl.oauthbearer.expected.issuer": ISSUER,
        }


RIGHTS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
    "allow.everyone.if.no.acl.found": "false",
}


def _tls(identity: Signed, authority: Path) -> dict[str, str]:
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(identity.keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority),
        "listener.name.ssl.ssl.client.auth": "required",
    }


class SecuredCassandra(CassandraServer):
    """The embedded node with TLS, passwords, and rights for each role. It answers once its superuser can log in."""

    def __init__(
        self, folder: DataFolder, program: Program, identity: Signed, authority: Path, admin: Settings
    ) -> None:
        ring = Ring(1, folder.port("cassandra", admin.cassandra_port, "CASSANDRA_PORT"), free_port(), heap_mb=512)
        super().__init__(folder, program, ring)
        self._identity = identity
        self._authority = authority
        self._admin = admin

    def prepare(self) -> list[str]:
        command = super().prepare()
        file = self.folder.path / f"{self.name}.yaml"
        file.write_text(json.dumps(json.loads(file.read_text()) | self._security()))
        return command

    def answers(self) -> bool:
        if is_free(self.port):
            return False
        try:
            asyncio.run(_run(self._admin, "SELECT role FROM system_auth.roles;"))
        except (StorageUnavailable, StorageRefused):
            return False
        return True

    def _security(self) -> dict[str, Any]:
        return {
            "authenticator": "PasswordAuthenticator",
            "authorizer": "CassandraAuthorizer",
            "client_encryption_options": {
                "enabled": True,
                "optional": False,
                "require_client_auth": True,
                "ssl_context_factory": {"class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory"},
                "keystore": str(self._identity.keystore),
                "truststore": str(self._authority),
            },
        }


@dataclass(frozen=True)
class SecuredServers:
    """The servers and what opens them; `admin` may do everything on both."""

    kafka: SecuredKafka
    admin: Settings
    authority: Authority
    endpoint: TokenEndpoint

    def add_login(self, name: str, password: str) -> None:
        """Kafka knows this user by SCRAM from now on."""
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 0})
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        wanted = UserScramCredentialUpsertion(name, info, password.encode())
        for future in admin.alter_user_scram_credentials([wanted]).values():
            future.result(30)


@contextmanager
def secured_servers(endpoint: TokenEndpoint) -> Iterator[SecuredServers]:
    """Both servers, for as long as the `with` block lasts."""
    with tempfile.TemporaryDirectory(prefix="chat-test-") as name:
        folder = DataFolder(Path(name))
        folder.lock()
        authority = Authority(Path(name))
        identity, client = authority.sign("server"), authority.sign("client")
        programs = {server: Program(find_java(), jars) for server, jars in fetch(["kafka", "cassandra"]).items()}
        kafka = SecuredKafka(folder, programs["kafka"], identity, authority.file, endpoint.keys)
        admin = settings_for_tests(
            kafka_bootstrap_servers=(kafka.bootstrap,),
            cassandra_contact_points=(HOST,),
            cassandra_port=free_port(),
            cassandra_username=SUPERUSER,
            cassandra_password=SUPERUSER,
            cassandra_ssl=True,
            cassandra_ssl_cafile=authority.file,
            cassandra_ssl_certfile=client.certificate,
            cassandra_ssl_keyfile=client.key,
        )
        cassandra = SecuredCassandra(folder, programs["cassandra"], identity, authority.file, admin)
        try:
            for server in (cassandra, kafka):
                server.launch()
            for server in (kafka, cassandra):
                server.wait_ready()
            yield SecuredServers(kafka, admin, authority, endpoint)
        finally:
            for server in (cassandra, kafka):
                server.terminate()
            for server in (cassandra, kafka):
                server.stop()
            folder.unlock()


def run_cql(settings: Settings, script: str) -> None:
    """Runs every statement of a script that may be run twice. Raises `StorageRefused`."""
    until(lambda: _ran(settings, script), PATIENCE_SECONDS, "the end of a script")


def _ran(settings: Settings, script: str) -> bool:
    try:
        asyncio.run(_run(settings, script))
    except StorageUnavailable:
        return False
    return True


async def tables(settings: Settings) -> set[str]:
    """The names of the keyspace's tables."""
    connection = await Connection.open(settings)
    try:
        found = await connection.execute(TABLES, (settings.cassandra_keyspace,))
    finally:
        await connection.close()
    return {row.table_name for row in found}


async def _run(settings: Settings, script: str) -> None:
    connection = await Connection.open(settings, keyspace=False)
    try:
        for statement in statements(script):
            await connection.run(statement)
    finally:
        await connection.close()
