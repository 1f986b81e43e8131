"""Comparisons as one JSON document, for scripts."""

import msgspec
from msgspec.structs import asdict, replace

from bench.comparison.folders import Findings
from bench.comparison.outcome import not_decided, outcome, state
from bench.printable import printable_json


def render(findings: Findings) -> bytes:
    """``{"tolerance", "worse", "result", "comparisons", "unmatched", "problems", "yardsticks_left_out"}``; figures in
    the record's units, one a process. ``result``: the exit status, its reason and the counts; of each comparison
    ``outcome`` is ``worse``, ``decided``, ``not_decided`` or ``accepted``, and ``not_decided`` the name that
    ``--accept`` takes, or null.

    The points that only a drawing needs are left out.
    """
    comparisons = [
        {
            **asdict(c),
            "base": replace(c.base, curves=()),
            "new": replace(c.new, curves=()),
            "worse": c.worse,
            "outcome": state(c, findings.accepted),
            "not_decided": not_decided(c),
        }
        for c in findings.comparisons
    ]
    document = {
        "tolerance": findings.tolerance,
        "worse": findings.worse,
        "result": outcome(findings),
        "comparisons": comparisons,
        "unmatched": findings.unmatched,
        "problems": findings.problems,
        "yardsticks_left_out": findings.yardsticks,
    }
    return printable_json(msgspec.json.format(msgspec.json.encode(document), indent=2)) + b"\n"
