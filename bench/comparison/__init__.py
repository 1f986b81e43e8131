"""Two records, or two folders of them, compared."""
