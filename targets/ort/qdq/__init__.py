"""ONNX Runtime's quantisation tool, as QNN takes its result whole."""
