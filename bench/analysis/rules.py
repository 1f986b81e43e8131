"""Which rules a record's figures and verdict were computed by."""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from bench import __version__
from bench.record.record import Tool

ROOMS = ("analysis", "comparison", "contracts", "measure", "quality", "record", "scenarios", "stats", "store", "suite")


@lru_cache(maxsize=1)
def rules_digest() -> str:
    """The checksum of the engine's source, 16 hexadecimal digits; empty if the source cannot be read.

    The same source computes the same figures from the same samples. So if a record has this digest, a stored figure
    that differs from the recomputed one was edited; for a record of another version the rules may have changed.
    Changing a comment changes the digest.
    """
    engine = Path(__file__).parents[1]
    found = sha256()
    try:
        files = sorted([*engine.glob("*.py"), *(file for room in ROOMS for file in (engine / room).rglob("*.py"))])
        for file in files:
            found.update(f"{file.relative_to(engine).as_posix()}\n".encode() + file.read_bytes())
    except OSError:
        return ""
    return found.hexdigest()[:16] if files else ""


def of_these_rules(tool: Tool) -> bool:
    """Whether a record of ``tool`` follows this version's rules, so that no other rules explain what it states: its
    version is this one, whatever digest it states, or its digest is this one's, whatever version it states."""
    return tool.version == __version__ or bool(tool.rules and tool.rules == rules_digest())
