"""What a worker can keep up with."""

from bench.contenders import SERVICE
from bench.load import Burst
from bench.stage import Hall
from bench.workload import Workload
from chat.servers.process import ServerProcess
from chat.settings import Settings

MEASURED = 40_000
"""Commands that it is taken from."""


def pace(where: Hall, settings: Settings, worker: ServerProcess, workload: Workload) -> float:
    """Commands a second, once each thread was touched. Raises `MeasurementError` or `ContenderError`."""
    where.bench.measure(settings, SERVICE, worker, Burst(workload, workload.threads, touch=True))
    return where.bench.measure(settings, SERVICE, worker, Burst(workload, MEASURED)).rate
