"""What a command means: pure, deterministic, and free of anything but the standard library."""
