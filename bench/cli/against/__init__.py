"""``odb run --against``."""
