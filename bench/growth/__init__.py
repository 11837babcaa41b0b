"""What changes as things grow: a part of the curves in each file."""
