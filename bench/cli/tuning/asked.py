"""What ``odb tune`` is asked: one model, one target, a goal and a budget."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bench.cli.asked import asked_suite
from bench.comparison.outcome import checked_tolerance
from bench.errors import InputError
from bench.execution.tuning.question import Asked
from bench.tuning.result import Goal
from bench.words import sentence

if TYPE_CHECKING:
    from bench.plugins import Catalog

MOST_SECONDS = 7 * 24 * 3600
NOT_HERE = {
    **dict.fromkeys(("suite_file", "depth", "compile_cache", "lanes", "repeats", "max_seconds", "check_inputs")),
    **dict.fromkeys(("dataset_options", "prompt_ids", "allow_unsafe_options")),
    **dict.fromkeys(("scenarios", "datasets"), ()),
    "strict_placement": False,
}
"""Flags of ``odb run`` that ``odb tune`` does not have."""


def asked(
    given: Mapping[str, Any], *, goal: str, budget: str, tolerance: float, catalog: "Catalog", cache: Path
) -> Asked:
    """Raises ``InputError`` naming the flag."""
    suite = asked_suite({**NOT_HERE, **given}, catalog)
    return Asked(
        suite=suite,
        goal=cast(Goal, goal),
        budget_ns=checked_budget(budget),
        tolerance=checked_tolerance(tolerance),
        catalog=catalog,
        cache=cache,
    )


def checked_budget(text: str) -> int:
    """``90s``, ``10m``, ``1.5h``, ``1h30m`` or a number of minutes, in nanoseconds. Raises ``InputError``."""
    parts = re.fullmatch(r"\s*(?:(\d+(?:\.\d+)?)\s*h)?\s*(?:(\d+(?:\.\d+)?)\s*m)?\s*(?:(\d+(?:\.\d+)?)\s*s)?\s*", text)
    seconds = 0.0
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", text):
        seconds = 60 * float(text)
    elif parts is not None:
        seconds = sum(float(part) * unit for part, unit in zip(parts.groups(), (3600, 60, 1), strict=True) if part)
    if not 0 < seconds <= MOST_SECONDS:
        raise InputError(sentence("tune.bad_budget", text=text), sentence("tune.bad_budget.remedy"))
    return round(seconds * 1e9)
