"""What a search for settings found, as a page, as lines for a terminal and as JSON."""
