"""Contradictions between the moments of an open loop: when queries were due, begun and done."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bench.contracts import Scenario
from bench.record.record import Repeat
from bench.scenarios.kinds import kind_of
from bench.scenarios.open_loops import is_searched
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Samples = Mapping[str, np.ndarray[Any, Any]]

ALWAYS = ("due_ns", "start_ns", "dropped_ns")
OF_A_SEARCH = ("attempt_latency_ns", "attempt_point", "axis_thousandths")


def open_loop_contradictions(repeat: Repeat, samples: "Samples", scenario: Scenario) -> Iterator[Sentence | str]:
    """Arrays that the scenario does not have or that are missing, and queries that were begun before they were due or
    done before they were begun."""
    if repeat.samples is None:
        return
    held = {role: samples[key] for role, key in repeat.samples.arrays.items() if key in samples}
    open_loop = kind_of(scenario).open_loop
    wanted = {*(ALWAYS if open_loop else ()), *(OF_A_SEARCH if is_searched(scenario) else ())}
    present = {role for role in (*ALWAYS, *OF_A_SEARCH) if role in held and (open_loop or role != "start_ns")}
    if open_loop and wanted != present:
        roles = sorted(wanted ^ present)
        yield sentence("store.open_loop_arrays", scenario=scenario.name, roles=roles)
        return
    if not open_loop:
        return
    latency, due, start = held["latency_ns"], held["due_ns"], held["start_ns"]
    if len(due) and (bool((start < due).any()) or bool((due + latency < start).any())):
        yield sentence("store.open_loop_order", scenario=scenario.name)
    if is_searched(scenario):
        yield from _search(held)


def _search(held: "Samples") -> Iterator[Sentence | str]:
    """Attempts of no rate, and queries of no attempt."""
    point, latency, rates = held["attempt_point"], held["attempt_latency_ns"], held["axis_thousandths"]
    if len(point) != len(latency) or (len(point) and not 0 <= int(point.min()) <= int(point.max()) < len(rates)):
        yield sentence("store.open_loop_attempts", queries=len(latency), points=len(point), rates=len(rates))
