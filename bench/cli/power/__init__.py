"""The commands of external power meters."""
