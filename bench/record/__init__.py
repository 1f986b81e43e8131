"""What is kept of a run: types, and how they are written."""
