"""``odb run DIR``."""
