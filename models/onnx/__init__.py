"""Reads and writes ONNX graphs."""
