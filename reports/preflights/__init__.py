"""Writers of a preflight, and what they share."""
