"""Coverage-guided fuzzing of what strangers' bytes meet first: the codec, tokens and cursors. `make fuzz` runs it."""
