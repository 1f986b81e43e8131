"""Quantises a model by several methods, and shows what each of them loses."""
