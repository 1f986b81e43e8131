"""TOML files that people write: read, and converted to their types."""
