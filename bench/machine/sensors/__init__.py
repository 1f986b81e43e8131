"""The sensors that are shipped."""
