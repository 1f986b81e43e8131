"""Results of a rack: one module a format, and what they all show."""
