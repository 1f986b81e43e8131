"""Passes over inputs that differ."""
