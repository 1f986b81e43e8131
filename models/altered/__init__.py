"""Copies of a model file whose weights are permuted: as much work, other answers. One module per format."""
