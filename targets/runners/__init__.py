"""Benchmark programs of other projects, built for a device by the user."""
