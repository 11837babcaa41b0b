"""Cassandra's own `nodetool` against an embedded node, which listens to it where `listening` was given to its Java."""

import subprocess

from chat.servers.cassandra import CassandraServer
from chat.servers.cassandra_options import java_options

SECONDS = 60


def listening(port: int) -> dict[str, str]:
    """Environment variables with which a node that is started listens on a port of this machine for `nodetool`."""
    return {"JAVA_TOOL_OPTIONS": f"-Dcassandra.jmx.local.port={port}"}


def nodetool(node: CassandraServer, port: int, *arguments: str) -> str:
    """Runs a command; what it printed."""
    home = node.folder.path / "nodetool"  # where it keeps its history
    options = java_options(home, node.data, home, heap_mb=64, c2=False)
    command = node.program.command(
        [*options, f"-Duser.home={home}"], "org.apache.cassandra.tools.NodeTool", "-p", str(port), *arguments
    )
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
