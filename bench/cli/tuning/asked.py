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


def asked(
    given: Mapping[str, Any], *, goal: str, budget: str, tolerance: float, catalog: "Catalog", cache: Path
) -> Asked:
    """Raises ``InputError`` naming the flag."""
    suite = asked_suite({**_not_given(), **given}, catalog)
    return Asked(
        suite=suite,
        goal=cast(Goal, goal),
        budget_ns=checked_budget(budget),
        tolerance=checked_tolerance(tolerance),
        catalog=catalog,
        cache=cache,
    )


def _not_given() -> dict[str, Any]:
    """Every flag of ``odb run``, as it is where it is not given: ``odb tune`` has only some of them."""
    from bench.cli.run_command import command

    found: dict[str, Any] = {}
    for one in command.params:
        assert one.name is not None
        found[one.name] = (
            () if one.multiple and one.callback is None else False if getattr(one, "is_flag", False) else None
        )
    return found


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
