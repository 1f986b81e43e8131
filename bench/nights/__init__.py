"""Records over time: which belong to one series, what happened to it, and what people decided about it."""
