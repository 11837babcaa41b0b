"""Where things are kept: the only package that imports Cassandra's driver."""
