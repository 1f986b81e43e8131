"""Metrics of a dataset: arrays of results of its samples in, values with intervals and tests out."""
