"""Writers of runs: one a format."""
