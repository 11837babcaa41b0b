"""A backup of the service, and its restore, step by step as `docs/runbooks/restore.md` has them, on one node."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from chat.settings import Settings
from chat.storage.cql_script import statements
from chat.storage.session import Connection
from tests.estate import Estate

TAG = "backup"
_KEYSPACE = "CREATE KEYSPACE {} WITH replication = {{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}}"


@dataclass(frozen=True)
class Backup:
    """What is kept of `here`, away from its servers' folders."""

    here: Estate
    folder: Path

    @property
    def offsets(self) -> str:
        """The file of where the workers stood."""
        return str(self.folder / "offsets.json")

    @property
    def _keyspace(self) -> Path:
        return self.here.node / "data" / self.here.settings.cassandra_keyspace

    def take(self) -> "Backup":
        """Offsets first, then tables, then what opens them. No worker may run; the API may."""
        self.folder.mkdir()
        assert self.here.house.chat.run("offsets", "save", self.offsets).status == 0
        self.here.tool("snapshot", "-t", TAG, self.here.settings.cassandra_keyspace)
        for table in self._keyspace.iterdir():
            shutil.copytree(table / "snapshots" / TAG, self.folder / "tables" / table.name)
        shutil.copytree(self.here.settings.kek_folder, self.folder / "keys")
        shutil.copy2(self.here.settings.signing_key_file, self.folder)
        return self

    def restore(self) -> None:
        """Tables as they were, into a Cassandra that has none, and the keys of that time."""
        asyncio.run(self._define(self.here.settings))
        (node,) = self.here.servers.cassandra
        self.here.tool("drain")
        node.stop()
        for table in (self.folder / "tables").iterdir():
            shutil.copytree(table, self._keyspace / table.name, dirs_exist_ok=True)
        shutil.copytree(self.folder / "keys", self.here.settings.kek_folder, dirs_exist_ok=True)
        node.start()

    async def _define(self, settings: Settings) -> None:
        """The tables by the snapshot's own definitions, so that they have the same ids."""
        connection = await Connection.open(settings, keyspace=False)
        try:
            await connection.run(_KEYSPACE.format(settings.cassandra_keyspace))
            for script in sorted((self.folder / "tables").glob("*/schema.cql")):
                for statement in statements(script.read_text()):
                    await connection.run(statement)
        finally:
            await connection.close()
