"""A submission as one file that another person can check: packed (``odb pack``), opened and verified (``odb verify``).

A bundle is a BagIt bag in a zip. ``open_bundle`` reads one safely; ``verification.verify`` decides whether what it
states follows from what it contains. Nothing in a bundle is executed, and nothing outside it is read.
"""

from bench.bundle.opening import Bundle, open_bundle

__all__ = ["Bundle", "open_bundle"]
