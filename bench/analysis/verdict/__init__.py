"""Is the number valid; if not, why."""
