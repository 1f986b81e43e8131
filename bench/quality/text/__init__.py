"""A language model's quality: what it is evaluated on, what it gives, and how that differs from its reference."""
