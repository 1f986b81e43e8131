"""``odb gate``."""
