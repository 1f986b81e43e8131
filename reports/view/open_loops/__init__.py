"""Runs of open loops, a camera's or a server's, in cells and tables."""
