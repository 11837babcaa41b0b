"""The read side: history over HTTP. Every command goes through Kafka; nothing here writes."""
