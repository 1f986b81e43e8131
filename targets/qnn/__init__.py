"""ONNX Runtime with QNN, and the HTP's emulator."""
