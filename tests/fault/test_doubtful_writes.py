"""A Cassandra that answers time-outs after having written: what was done is done again, and takes effect once."""

from functools import partial

from tests.conftest import StartWorker
from tests.fault.linked_servers import LinkedServers, links
from tests.fault.worker import PROGRAM
from tests.oracle.run import OracleRun
from tests.wait import until
from tests.worker import WorkerProcess

ANSWERED = 'chat_cassandra_errors_total{error="WriteTimeout"}'


def test_a_write_that_was_done_and_timed_out_takes_effect_once(
    oracle: OracleRun, own_servers: LinkedServers, start_worker: StartWorker
) -> None:
    """Every second write, of rows, of what is asked of privacy, and lightweight transactions."""
    with links(own_servers, oracle.settings) as (settings, _, cassandra_link):
        worker = start_worker(settings, program=PROGRAM).until_ready()
        with oracle.stream(rate=200) as stream:
            stream.until(400)
            with cassandra_link.doubtful(0.5):
                for told in (34, 67, 101):
                    oracle.ask()
                    until(partial(told_of, worker, told), 60, f"{told} time-outs")
        oracle.settle()
        oracle.verify()
        assert worker.stop() == 0


def told_of(worker: WorkerProcess, time_outs: int) -> bool:
    """Whether Cassandra has told the worker of as many."""
    lines = worker.get("/metrics")[1].splitlines()
    return sum(float(line.removeprefix(ANSWERED)) for line in lines if line.startswith(ANSWERED)) >= time_outs
