"""Machines as folders: files laid out as the kernel does it, from ``tests/bench/machine/sysfs``."""

from collections.abc import Mapping
from pathlib import Path

RECORDED = Path(__file__).parents[2] / "bench/machine/sysfs"


def lay(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below ``root``, by their paths."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def recorded(root: Path, machine: str) -> Path:
    """Lay out a recorded machine: one ``path = content`` a line, ``\\n`` for a line break."""
    lines = (RECORDED / f"{machine}.txt").read_text().splitlines()
    pairs = [line.partition(" = ") for line in lines if line and not line.startswith("#")]
    return lay(root, {name: text.replace("\\n", "\n").replace("\\t", "\t") + "\n" for name, _, text in pairs})
