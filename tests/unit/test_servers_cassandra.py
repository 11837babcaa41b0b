"""The embedded Cassandra's configuration."""

from pathlib import Path
from typing import Any

from chat.servers.cassandra_options import java_options
from chat.servers.cassandra_yaml import Ring, yaml_of

DATA = Path("/data/cassandra")


def ring(nodes: int) -> Ring:
    return Ring(nodes=nodes, port=9042, storage_port=7000, heap_mb=256, c2=False)


def options(*, c2: bool = False, heap_mb: int = 256) -> list[str]:
    return java_options(Path("/data/cassandra.yaml"), DATA, Path("/data/tmp"), heap_mb=heap_mb, c2=c2)


def test_three_nodes_share_the_token_ring_evenly() -> None:
    """The nodes' tokens are a third of the Murmur3 ring apart, the first at its lower end."""
    first, second, third = (int(yaml_of(ring(3), number, DATA)["initial_token"]) for number in range(3))
    assert first == -(2**63)
    assert abs((second - first) - 2**64 // 3) <= 1
    assert abs((third - second) - 2**64 // 3) <= 1
    assert third < 2**63


def test_each_node_listens_on_its_own_loopback_address() -> None:
    """Nothing listens on an address that another machine reaches, and all nodes have the first as seed."""
    nodes: list[dict[str, Any]] = [yaml_of(ring(3), number, DATA) for number in range(3)]
    assert [node["listen_address"] for node in nodes] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert all(node["rpc_address"] == node["listen_address"] for node in nodes)
    assert all(node["seed_provider"][0]["parameters"] == [{"seeds": "127.0.0.1:7000"}] for node in nodes)


def test_a_dropped_table_leaves_no_snapshot() -> None:
    """Erased words must not live on in an automatic snapshot."""
    assert yaml_of(ring(1), 0, DATA)["auto_snapshot"] is False


def test_all_files_lie_under_the_data_folder() -> None:
    """Whatever Cassandra writes, it writes under the node's own folder."""
    node = yaml_of(ring(1), 0, DATA)
    paths = [value for value in node.values() if isinstance(value, str) and value.startswith("/")]
    assert len(paths) == 4
    assert all(path.startswith("/data/cassandra/") for path in [*paths, *node["data_file_directories"]])


def test_the_second_compiler_is_a_choice() -> None:
    """Java's strong compiler runs only where it was asked for."""
    assert "-XX:TieredStopAtLevel=1" in options()
    assert "-XX:TieredStopAtLevel=1" not in options(c2=True)


def test_the_heap_is_as_asked() -> None:
    """The greatest size of the heap is the configured one."""
    assert "-Xmx512m" in options(heap_mb=512)
