"""Several users at once on one pipeline."""
