"""What is left of a question to Cassandra when it is answered."""

import gc

from cassandra.cluster import ResponseFuture

from chat.storage.session import Connection
from tests.wait import until_async


async def test_an_answer_goes_with_who_read_it(connection: Connection) -> None:
    """Nothing of it waits for Python to look for cycles, though the driver's timer and answer hold each other."""
    statement = await connection.prepare("SELECT name FROM topics")
    statement.is_idempotent = True  # so that another node would be asked too, by a timer
    gc.collect()
    gc.disable()
    try:
        before = _answers()
        await connection.execute_all((statement, ()) for _ in range(100))
        await until_async(lambda: _answers() <= before, 10)
    finally:
        gc.enable()


def _answers() -> int:
    return sum(type(one) is ResponseFuture for one in gc.get_objects())  # isinstance would ask dead weak proxies
