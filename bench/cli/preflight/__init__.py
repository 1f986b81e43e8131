"""odb preflight."""
