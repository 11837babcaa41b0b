"""What each role may do with Kafka: read from a file, granted on the brokers.

The file names roles; each has `topics`, `groups` and `group-prefixes`, and under each name what may be done with it, in
the words of Kafka's own tools (`Read`, `Write`, `DescribeConfigs` …).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from confluent_kafka.admin import AclOperation, ResourcePatternType, ResourceType

from chat.broker import Acl
from chat.errors import BadInput

PRINCIPAL = "User:chat-{role}"
"""Whom a role is granted to where nobody else is named."""

_SECTIONS = {
    "topics": (ResourceType.TOPIC, ResourcePatternType.LITERAL),
    "groups": (ResourceType.GROUP, ResourcePatternType.LITERAL),
    "group-prefixes": (ResourceType.GROUP, ResourcePatternType.PREFIXED),
}
_OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Create": AclOperation.CREATE,
    "Delete": AclOperation.DELETE,
    "Alter": AclOperation.ALTER,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    "AlterConfigs": AclOperation.ALTER_CONFIGS,
}


class Grant(NamedTuple):
    """One thing that a role may do: `resource` is a topic, a group, or how groups begin, by `section`."""

    role: str
    principal: str
    section: str
    resource: str
    operation: str

    @property
    def acl(self) -> Acl:
        """It in the client's words."""
        return Acl(*_SECTIONS[self.section], self.resource, self.principal, _OPERATIONS[self.operation])

    def __str__(self) -> str:
        kind = _SECTIONS[self.section][0].name.lower()
        prefix = "*" if self.section == "group-prefixes" else ""
        return f"{self.principal} may {self.operation} {kind} {self.resource}{prefix}"


def read_roles(file: Path, principals: Mapping[str, str]) -> list[Grant]:
    """Every grant of the file; `principals` by role stand for `User:chat-<role>`.

    Raises `BadInput` for a file that is none, or a role in `principals` that it does not have.
    """
    try:
        roles = yaml.safe_load(file.read_bytes())
        grants = list(_grants(roles, principals))
    except (OSError, yaml.YAMLError, AttributeError, TypeError, KeyError) as error:
        raise BadInput("FILE", f"must be a file of roles ({type(error).__name__})") from None
    for role in principals:
        if role not in roles:
            raise BadInput("--principal", "names a role that the file does not have")
    return grants


def _grants(roles: Any, principals: Mapping[str, str]) -> Iterator[Grant]:
    for role, sections in roles.items():
        principal = principals.get(role, PRINCIPAL.format(role=role))
        for section, resources in sections.items():
            for resource, operations in resources.items():
                for operation in operations:
                    grant = Grant(role, principal, section, resource, operation)
                    _ = grant.acl  # KeyError for what Kafka does not know
                    yield grant
