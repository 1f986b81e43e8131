"""Small files of the kernel, read without raising."""

from pathlib import Path


def text_of(path: Path) -> str | None:
    """The file's text without space at its ends; ``None`` if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def number_of(path: Path) -> float | None:
    """The number that a file contains."""
    try:
        return float(text_of(path) or "")
    except ValueError:
        return None
