"""Queries that pass through the stages of a pipeline, one after another and overlapped."""
