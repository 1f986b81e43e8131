"""What can be imported, without importing it."""

import importlib.util
import sys


def importable(module: str) -> bool:
    """Whether ``import module`` would find something; nothing is imported. False for a module blocked with None."""
    if module in sys.modules:
        return sys.modules[module] is not None
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
