"""The embedded Cassandra's `cassandra.yaml`.

What is not said here has Cassandra's own default, so the embedded one is as strict as any other; where its limits are
other ones, as on the size of a mutation, it is stricter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

TOKENS = 2**64

# For a small heap and two cores.
SIZES = {
    "concurrent_reads": 8,
    "concurrent_writes": 16,
    "concurrent_compactors": 1,
    "memtable_heap_space": "48MiB",
    "memtable_offheap_space": "48MiB",
    "file_cache_size": "32MiB",
    "key_cache_size": "8MiB",
    "counter_cache_size": "0MiB",
    "commitlog_segment_size": "16MiB",
    "commitlog_total_space": "256MiB",
}
BEHAVIOUR = {
    "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
    "endpoint_snitch": "SimpleSnitch",
    "dynamic_snitch": False,
    "authenticator": "AllowAllAuthenticator",
    "authorizer": "AllowAllAuthorizer",
    "role_manager": "CassandraRoleManager",
    "auto_bootstrap": False,
    # On a restart the seed does not wait for the others, which start after it.
    "block_for_peers_timeout_in_secs": -1,
    "auto_snapshot": False,
    # A node that cannot write ends, and is then seen to have ended.
    "commit_failure_policy": "die",
    "disk_failure_policy": "die",
    "materialized_views_enabled": False,
    "sasi_indexes_enabled": False,
    "transient_replication_enabled": False,
    "user_defined_functions_enabled": False,
}
# `periodic` acknowledges a write before it is safe: the last tenth of a second is lost when the process is killed, the
# last ten seconds when the machine goes. `batch` acknowledges what is on the disk.
CommitlogSync = Literal["periodic", "batch"]
COMMITLOG_SYNC: dict[CommitlogSync, dict[str, str]] = {
    "periodic": {"commitlog_sync": "periodic", "commitlog_sync_period": "10s"},
    "batch": {"commitlog_sync": "batch"},
}


@dataclass(frozen=True, slots=True)
class Ring:
    """What the nodes of a ring have in common: one to three of them, on the same ports of 127.0.0.1, 127.0.0.2, …"""

    nodes: int
    port: int
    storage_port: int
    heap_mb: int = 256
    c2: bool = False
    commitlog_sync: CommitlogSync = "periodic"
    java_options: Sequence[str] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        return ring_hosts(self.nodes)


def ring_hosts(nodes: int) -> tuple[str, ...]:
    """The nodes' addresses, the seed first."""
    return tuple(f"127.0.0.{number}" for number in range(1, nodes + 1))


def yaml_of(ring: Ring, number: int, data: Path) -> dict[str, Any]:
    """Settings of the ring's node `number`, counted from 0, with its files under `data`."""
    return {
        "cluster_name": "chat",
        "num_tokens": 1,
        "initial_token": str(number * TOKENS // ring.nodes - TOKENS // 2),
        **_addresses(ring, ring.hosts[number]),
        **_folders(data),
        **SIZES,
        **BEHAVIOUR,
        **COMMITLOG_SYNC[ring.commitlog_sync],
    }


def _addresses(ring: Ring, host: str) -> dict[str, Any]:
    seeds = [{"seeds": f"{ring.hosts[0]}:{ring.storage_port}"}]
    return {
        "listen_address": host,
        "rpc_address": host,
        "storage_port": ring.storage_port,
        "native_transport_port": ring.port,
        "seed_provider": [{"class_name": "org.apache.cassandra.locator.SimpleSeedProvider", "parameters": seeds}],
    }


def _folders(data: Path) -> dict[str, Any]:
    return {
        "data_file_directories": [str(data / "data")],
        "commitlog_directory": str(data / "commitlog"),
        "saved_caches_directory": str(data / "saved_caches"),
        "hints_directory": str(data / "hints"),
        "cdc_raw_directory": str(data / "cdc_raw"),
    }
