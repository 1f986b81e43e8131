"""ONNX Runtime with the QNN execution provider: the NPU (HTP) and GPU of Qualcomm SoCs, and the HTP's emulator.

Graphs must have fixed shapes. float32 graphs run in float16 on the HTP by default; with the default
``offload_graph_io_quantization=1`` the CPU quantises a QDQ graph's inputs and outputs, which a placement shows.
"""
