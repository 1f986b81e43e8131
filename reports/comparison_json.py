"""Comparisons as one JSON document, for scripts."""

import msgspec
from msgspec.structs import asdict, replace

from bench.compare_folders import Findings


def render(findings: Findings) -> bytes:
    """``{"tolerance", "worse", "comparisons", "unmatched", "problems"}``; figures in the record's units, one a process.

    The points that only a drawing needs are left out.
    """
    comparisons = [
        {
            **asdict(c),
            "base": replace(c.base, curves=()),
            "new": replace(c.new, curves=()),
            "worse": c.worse,
        }
        for c in findings.comparisons
    ]
    document = {
        "tolerance": findings.tolerance,
        "worse": findings.worse,
        "comparisons": comparisons,
        "unmatched": findings.unmatched,
        "problems": findings.problems,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
