"""Figures along the axis of a scenario."""
