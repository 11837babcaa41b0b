"""How Java runs the embedded Cassandra."""

from pathlib import Path

from chat.servers.server import compiler, heap

LOGGING = Path(__file__).with_name("cassandra.logback.xml")

# What Cassandra 5.0 needs of Java 17's modules: the block of its own jvm17-server.options.
EXPORTS = (
    "java.base/jdk.internal.misc",
    "java.base/java.lang.ref",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.attach/sun.tools.attach",
    "jdk.compiler/com.sun.tools.javac.file",
    "jdk.unsupported/sun.misc",
)
OPENS = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.util",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.compiler/com.sun.tools.javac",
    "jdk.management/com.sun.management.internal",
)
NETTY = (
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.allocator.useCacheForAllThreads=true",
    "-Dio.netty.allocator.maxOrder=11",
)
# A ring on one machine waits for nobody: no gossip to settle, no ranges to stream, no goodbye to spread. And the size
# of a row in memory is measured on a thousand rows instead of a hundred thousand, which took 4 of 10 seconds.
FAST_START = (
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.ring_delay_ms=1",
    "-Dcassandra.superuser_setup_delay_ms=0",
    "-Dcassandra.consistent.rangemovement=false",
    "-Dcassandra.shutdown_announce_in_ms=0",
    "-Dcassandra.memtable_row_overhead_computation_step=1000",
)


def java_options(settings: Path, data: Path, scratch: Path, *, heap_mb: int, c2: bool) -> list[str]:
    """Options for a node with this `cassandra.yaml`. `c2`, for load: Java's second compiler and a whole heap."""
    return [
        *(f"--add-exports={name}=ALL-UNNAMED" for name in EXPORTS),
        *(f"--add-opens={name}=ALL-UNNAMED" for name in OPENS),
        "-Djdk.attach.allowAttachSelf=true",
        *NETTY,
        *FAST_START,
        *heap(heap_mb, whole=c2),
        *compiler(c2=c2),
        "-Djava.net.preferIPv4Stack=true",
        f"-Djava.io.tmpdir={scratch}",
        f"-Djna.tmpdir={scratch}",
        f"-Dlogback.configurationFile={LOGGING}",
        f"-Dcassandra.config={settings.as_uri()}",
        f"-Dcassandra.storagedir={data}",
        "-Dcassandra-foreground=yes",
    ]
