"""Every row of every table of the keyspace, for whoever searches all of it."""

from collections.abc import AsyncIterator
from typing import Any

from chat.storage.session import Connection

PAGE = 1_000
_COLUMNS = "SELECT table_name, column_name FROM system_schema.columns WHERE keyspace_name = '{keyspace}'"


async def tables(connection: Connection) -> dict[str, list[str]]:
    """The columns of each table."""
    found: dict[str, list[str]] = {}
    for table, column in await connection.run(_COLUMNS.format(keyspace=connection.keyspace)):
        found.setdefault(table, []).append(column)
    return found


async def rows(connection: Connection, table: str, columns: list[str]) -> AsyncIterator[list[dict[str, Any]]]:
    """Page by page, all of a table."""
    statement = await connection.prepare(f"SELECT {', '.join(columns)} FROM {table}")
    statement.is_idempotent = True
    statement.fetch_size = PAGE
    async for page in connection.pages(statement, ()):
        yield [dict(zip(columns, row, strict=True)) for row in page]
