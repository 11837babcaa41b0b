"""What is left of a learner in files: Kafka's segments, Cassandra's data, bundles, logs, whatever else."""
