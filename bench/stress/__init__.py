"""Load of kinds that a worker does not like."""
