"""Series over time as a static site: an overview, and a page a series."""
