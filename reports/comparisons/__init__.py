"""Writers of a comparison, and what they share."""
