"""Knows every record that was produced, says what must become of it, and looks whether it did."""
