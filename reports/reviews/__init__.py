"""Reviews of many submissions: one module a format, and what they all show."""
