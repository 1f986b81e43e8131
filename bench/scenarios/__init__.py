"""The scenarios of this project: their table, and how one is written and read."""
