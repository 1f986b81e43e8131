"""Tables of language models."""
