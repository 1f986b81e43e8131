"""Whether a series of figures stays at its level."""
