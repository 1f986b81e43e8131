"""What quantising a model came to, as a page."""
