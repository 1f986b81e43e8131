"""What is installed: asked of the package metadata, without importing the package."""

import importlib.util
import sys
from collections.abc import Iterable


def importable(module: str) -> bool:
    """Whether ``import module`` would find something; nothing is imported. False for a module blocked with None."""
    if module in sys.modules:
        return sys.modules[module] is not None
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def versions(names: Iterable[str]) -> dict[str, str]:
    """Distribution -> version, of those that are installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
