"""Figures of queries that pass through the stages of a pipeline."""
