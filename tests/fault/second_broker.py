"""A second broker beside the embedded one, which keeps the cluster's metadata: partitions that can go away alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from chat.servers.folder import DataFolder
from chat.servers.free_port import LOCALHOST, free_port
from chat.servers.kafka import KafkaServer

NUMBER = 2


class SecondBroker(KafkaServer):
    """Joins the cluster of `first`, which must run."""

    def __init__(self, first: KafkaServer, folder: DataFolder) -> None:
        port = free_port()
        overrides = {
            "process.roles": "broker",
            "node.id": str(NUMBER),
            "listeners": f"PLAINTEXT://{LOCALHOST}:{port}",
            "controller.quorum.voters": f"1@{LOCALHOST}:{first.controller_port}",
        }
        super().__init__(folder, first.program, port=port, overrides=overrides, cluster=cluster_of(first))


def cluster_of(broker: KafkaServer) -> str:
    """The id of a broker's cluster."""
    lines = (broker.data / "meta.properties").read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("cluster.id=") for line in lines if line.startswith("cluster.id="))


@contextmanager
def second_broker(first: KafkaServer) -> Iterator[SecondBroker]:
    """Running inside, in a folder below the first one's."""
    folder = DataFolder(first.folder.path / "second")
    folder.lock()
    broker = SecondBroker(first, folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()
        folder.unlock()
