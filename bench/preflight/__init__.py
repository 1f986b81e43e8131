"""What can be said of a model on chips that are not here: found, bounded and judged."""
