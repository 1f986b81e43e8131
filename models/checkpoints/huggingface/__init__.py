"""Reads a folder as Hugging Face publishes language models: ``config.json`` and ``*.safetensors``.

Only the fields and tensors that are named here are read. Nothing in the folder is executed.
"""
