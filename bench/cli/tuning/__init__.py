"""``odb tune``."""
