"""GGUF, the files of llama.cpp and ggml: a header of named values and tensors, then the tensors' data."""
