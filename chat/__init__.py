"""The heart of the chat service: what a command means, and where it is kept."""
