"""The commands of records over time."""
