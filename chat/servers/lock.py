"""Writes the servers' lock files anew, after a change of `ROOTS`: `python -m chat.servers.lock`."""

from pathlib import Path

from jgo.env import LockedDependency, LockFile
from jgo.maven import MavenContext

from chat.servers.artefacts import lock_file
from chat.servers.download import configured, sha256

# The `!` keeps a root's own dependency management from ruling the other roots' versions: that of log4j names another
# kafka-clients. The binding must be for the slf4j that Kafka itself brings, 1.7.
ROOTS = {
    "kafka": ("org.apache.kafka:kafka_2.13:4.4.0!", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5!"),
    "cassandra": ("org.apache.cassandra:cassandra-all:5.0.8!",),
    "s3proxy": ("org.gaul:s3proxy:4.1.0",),  # for tests: an S3 server over a folder
}

ARCHIVES = {
    # For tests: a schema registry, with all that it needs. 3.x wants a Java of its own.
    "apicurio": ("io.apicurio", "apicurio-registry-app", "2.6.13.Final", "tar.gz", "all"),
}


def write_lock(server: str, roots: tuple[str, ...], file: Path) -> None:
    """Resolve the roots with all that they need, fetch it, and write versions and sha256 of every jar."""
    context = configured(MavenContext())
    inputs, transitive = context.resolver.resolve([context.create_dependency(root) for root in roots])
    LockFile.from_resolved_dependencies([*inputs, *transitive], environment_name=server).save(file)


def write_archive_lock(server: str, coordinates: tuple[str, str, str, str, str], file: Path) -> None:
    """Fetch one archive and write its sha256; `coordinates` are group, artifact, version, packaging and classifier."""
    group, name, version, packaging, classifier = coordinates
    component = configured(MavenContext()).project(group, name).at_version(version)
    found = sha256(component.artifact(classifier, packaging).resolve())
    locked = LockedDependency(group, name, version, packaging, classifier, found)
    LockFile([locked], environment_name=server).save(file)


if __name__ == "__main__":
    for name, coordinates in ROOTS.items():
        write_lock(name, coordinates, lock_file(name))
    for name, coordinate in ARCHIVES.items():
        write_archive_lock(name, coordinate, lock_file(name))
