"""The benchmark: the service beside a plain Faust agent and a bare loop, on the same servers and with the same rows."""
