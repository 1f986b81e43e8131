"""Runs whose queries pass through the stages of a pipeline."""
