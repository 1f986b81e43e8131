"""onnxruntime-genai on the CPU and with QNN."""
