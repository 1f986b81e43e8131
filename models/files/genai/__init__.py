"""Folders of onnxruntime-genai: the graphs that they name, and decoders that only that runtime drives."""
