"""An embedded Kafka and an embedded Cassandra: the real servers, as child processes on this machine."""
