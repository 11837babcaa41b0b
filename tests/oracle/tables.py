"""Everything in a keyspace, write times included, through the plain driver."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import ConstantReconnectionPolicy, DCAwareRoundRobinPolicy
from cassandra.query import dict_factory

from chat.settings import Settings
from tests.wait import until

OF_LEARNERS = ("messages", "thread_log", "commands", "threads", "thread_owners", "read_marks")

Row = dict[str, Any]


@contextmanager
def session_of(settings: Settings) -> Iterator[Session]:
    """A session on the settings' keyspace; rows are dictionaries."""
    policy = DCAwareRoundRobinPolicy(settings.cassandra_local_dc)
    profile = ExecutionProfile(
        load_balancing_policy=policy,
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,  # what one node alone knows is not what was acknowledged
        row_factory=dict_factory,
        request_timeout=60,
    )
    hosts, port = list(settings.cassandra_contact_points), settings.cassandra_port
    cluster = Cluster(
        hosts,
        port,
        protocol_version=4,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        reconnection_policy=ConstantReconnectionPolicy(0.5, max_attempts=None),
        connect_timeout=60,
        control_connection_timeout=60,
    )
    try:
        session = cluster.connect(settings.cassandra_keyspace)
        yield session
    finally:
        cluster.shutdown()


class Tables:
    """Whole tables, page by page."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tables = session.cluster.metadata.keyspaces[session.keyspace].tables

    def dump(self) -> dict[str, list[Row]]:
        """Every row of every table; `wt_<column>` is the write time of a cell."""
        return {name: self.rows(name) for name in self._tables}

    def empty(self, table: str) -> None:
        """Loses every row of a table, for a trial of who looks."""
        self._session.execute(f"TRUNCATE {table}")

    def rows(self, table: str, *more: str) -> list[Row]:
        """Every row of a table, in the order of its key, with whatever `more` selects."""
        columns = self._tables[table].columns
        key = [one.name for one in self._tables[table].primary_key]
        written = [f"WRITETIME({name}) AS wt_{name}" for name in columns if name not in key]
        rows = self._select(table, [*columns, *written, *more])
        return sorted(rows, key=lambda row: [str(row[name]) for name in key])

    def lives(self, table: str, column: str) -> list[Row]:
        """The keys of every row; `ttl` is how many seconds the cell in `column` still lives, None for ever."""
        key = [one.name for one in self._tables[table].primary_key]
        return self._select(table, [*key, f"TTL({column}) AS ttl"])

    def _select(self, table: str, terms: Iterable[str]) -> list[Row]:
        query = f"SELECT {', '.join(terms)} FROM {table}"
        rows: list[Row] = until(lambda: self._answer(query), 60, "an answer of Cassandra")[0]
        return rows

    def _answer(self, query: str) -> tuple[list[Row]] | None:
        """None while Cassandra, which may have been away, is not connected again."""
        try:
            return (list(self._session.execute(query)),)
        except NoHostAvailable:
            return None
