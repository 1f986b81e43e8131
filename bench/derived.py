"""What of a record follows from the rest of it: summary, the harness' medians and the verdict.

One function computes them, when a record is put together and whenever it is read again; what a file states of them is
not shown. Where the two differ the reader is told, by the verdict: ``record_edited`` where the rules cannot explain it,
``recomputed`` where the record was written under other rules. What contradicts itself and cannot be computed, such as a
placement, is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from bench.errors import InputError
from bench.record import Fidelity, Harness, Phases, Record, RecordedRun, Repeat, Summary
from bench.record_part import Correction
from bench.rules import rules_digest

if TYPE_CHECKING:
    import numpy as np

    from bench.timed_run import TimedRun

    Samples = Mapping[str, np.ndarray[Any, Any]]

OF_LOADING = ("record_edited", "recomputed")
"""The codes that reading a record gives; no record is written with them."""
CLOSE = 1e-6  # relative: the last digits of a float are the processor's
CLOSE_INTERVAL = 0.02  # an interval's bound may move by a rank with them
MOST = (1 << 53) - 1  # nanoseconds, bytes: a hundred days, and more than any machine holds
REMEDY = "Use the file as it was written, or measure again."


def judged(run: RecordedRun) -> "TimedRun":
    """``run`` with everything in its record that follows from the rest of it: the ``computed`` figures, and the verdict
    on them."""
    from bench.timed_run import timed
    from bench.verdict import judge

    found = timed(run)
    found = replace(found, record=_computed(found))
    return replace(found, record=replace(found.record, verdict=judge(found)))


def computed(record: Record, samples: "Samples") -> Record:
    """``record`` with the summary and the harness' medians computed from its repeats and ``samples``. Outputs stay
    right only where the stated figures reach the thresholds. What only the measuring run knew is kept as stated:
    generated ids, KV cache and agreement of a language model, and the notes on energy."""
    from bench.timed_run import timed

    return _computed(timed(RecordedRun(record, samples)))


def _computed(run: "TimedRun") -> Record:
    record = run.record
    harness = Harness(
        _median([repeat.loop_overhead_ns for repeat in record.repeats]),
        _median([repeat.token_overhead_ns for repeat in record.repeats]),
    )
    return replace(record, summary=_summary(run), harness=harness, fidelity=_fidelity(record))


def _fidelity(record: Record) -> Fidelity | None:
    from bench.measure.fidelity_again import decided_again
    from bench.measure.tolerance import rounds_as_int8

    model, stated = record.plan.model, record.fidelity
    if stated is None:
        return None
    coarse = rounds_as_int8((*model.inputs, *model.outputs), model.precision, stated.float_reference)
    return decided_again(stated, record.plan.target.executed_precision, coarse)


def _summary(run: "TimedRun") -> Summary:
    from bench.measure.energy import energy_summary
    from bench.measure.memory import memory_summary
    from bench.measure.token_energy import token_energy
    from bench.summary import summarise
    from bench.variance import variance

    record, samples = run.record, run.samples
    repeats, plan, known = record.repeats, record.plan, record.summary
    if not repeats:
        return Summary()
    text_known, energy_known = known.text_generation, known.energy
    ids = text_known.token_ids if text_known else ()
    summary = summarise(repeats, samples, plan.scenario, latencies=run.latency, token_ids=ids)
    text = summary.text_generation
    if text is not None:
        text = replace(
            text,
            kv_cache=text_known.kv_cache if text_known else None,
            agreement=text_known.agreement if text_known else (),
            energy=token_energy(repeats, text, plan.scenario) if _one_length(repeats, samples) else None,
        )
    energies = [e for r in repeats for e in (r.energy, r.power_pass) if e is not None]
    energy = energy_summary(energies, plan.model.macs, energy_known.bytes_moved if energy_known else None, ())
    return replace(
        summary,
        text_generation=text,
        memory_bytes=memory_summary(repeats, plan.model.size_bytes),
        energy=replace(energy, reason=energy_known.reason if energy_known else ""),
        variance=variance(run.latency, 50, plan.rule.precision),
    )


def _one_length(repeats: Sequence[Repeat], samples: "Samples") -> bool:
    """Whether all prompts are equally long: else what one costs cannot be told from what another does."""
    keys = [r.samples.arrays.get("prompt_tokens", "") for r in repeats if r.samples is not None]
    found = [samples[key] for key in keys if key in samples and len(samples[key])]
    return len({int(bound) for array in found for bound in (array.min(), array.max())}) <= 1


def _median(values: Sequence[int | None]) -> int | None:
    known = sorted(v for v in values if v is not None)
    return known[len(known) // 2] if known else None


# --------------------------------------------------------------------------------------------- reading it again


def believed(run: RecordedRun, source: str) -> "TimedRun":
    """``run`` as a reader may believe it: its figures and its verdict computed anew, and a reason where the file stated
    others. Raises ``InputError`` naming ``source`` for a record that contradicts itself, or whose repeats hold what
    nothing can be computed from."""
    from bench.verdict import with_corrections

    stated = run.record
    _bounded(stated, source)
    _consistent(stated, source)
    try:
        found = judged(run)
    except Exception as error:  # whatever arithmetic meets in figures that no run gives
        message = f"{source}: no figures can be computed from its repeats: {type(error).__name__}: {error}"
        raise InputError(message, REMEDY) from None
    corrections = tuple(_differences(stated, found.record, run))
    found = replace(found, corrections=corrections)
    assert found.record.verdict is not None
    return replace(found, record=replace(found.record, verdict=with_corrections(found.record.verdict, found)))


def _differences(stated: Record, found: Record, run: RecordedRun) -> Iterator[Correction]:
    same_rules = bool(stated.tool.rules) and stated.tool.rules == rules_digest()
    for field, one, other in _unequal(stated.summary, found.summary, "summary"):
        yield Correction(field, _said(one), _said(other), same_rules or _impossible(field, one, run))
    for name in ("harness", "fidelity"):
        for field, one, other in _unequal(getattr(stated, name), getattr(found, name), name):
            yield Correction(field, _said(one), _said(other), same_rules)
    if (
        stated.fidelity is not None
        and found.fidelity is not None
        and stated.fidelity.ok is None is not found.fidelity.ok
    ):
        yield Correction("fidelity.ok", "undecided", _said(found.fidelity.ok), same_rules)
    if stated.verdict is not None and found.verdict is not None:
        before, after = (_weights(record) for record in (stated, found))
        if before != after or stated.verdict.valid != found.verdict.valid:
            yield Correction("verdict", _words(stated), _words(found), same_rules)


def _weights(record: Record) -> set[tuple[str, bool]]:
    reasons = record.verdict.reasons if record.verdict is not None else ()
    return {(reason.code, reason.invalidates) for reason in reasons if reason.code not in OF_LOADING}


def _words(record: Record) -> str:
    assert record.verdict is not None
    codes = ", ".join(code for code, _ in sorted(_weights(record))) or "no reason"
    return f"{'valid' if record.verdict.valid else 'not valid'} ({codes})"


def _unequal(stated: Any, found: Any, field: str) -> Iterator[tuple[str, Any, Any]]:
    """Where a stated figure is not the computed one; what the file leaves out it does not state."""
    if stated is None or stated == found or (stated in ((), {}, "") and found is None):
        return
    if isinstance(stated, msgspec.Struct) and type(stated) is type(found):
        for name in stated.__struct_fields__:
            yield from _unequal(getattr(stated, name), getattr(found, name), f"{field}.{name}")
    elif isinstance(stated, dict) and isinstance(found, dict):
        for name, value in stated.items():
            yield from _unequal(value, found.get(name), f"{field}.{name}")
    elif isinstance(stated, tuple) and isinstance(found, tuple) and len(stated) == len(found):
        for index, value in enumerate(stated):
            yield from _unequal(value, found[index], f"{field}[{index}]")
    elif not _close(stated, found, CLOSE_INTERVAL if "_ci95" in field else CLOSE):
        yield field, stated, found


def _close(stated: Any, found: Any, tolerance: float) -> bool:
    if isinstance(stated, bool) or not (isinstance(stated, int | float) and isinstance(found, int | float)):
        return False
    reach = max(tolerance * abs(found), 1 if isinstance(stated, int) and isinstance(found, int) else 0)
    return bool(abs(stated - found) <= reach)


def _said(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else str(value)[:80]


def _impossible(field: str, stated: Any, run: RecordedRun) -> bool:
    """Whether no rule at all gives this figure of these samples: counts and extremes are what they are, and a
    percentile or a mean of times lies between them."""
    times = run.arrays("latency_ns")
    if not field.startswith("summary.latency_ns.") or not isinstance(stated, int):
        return False
    if not any(len(array) for array in times):
        return True
    name = field.removeprefix("summary.latency_ns.")
    least = min(int(array.min()) for array in times if len(array))
    most = max(int(array.max()) for array in times if len(array))
    return name in ("n", "min", "max") or not least - 1 <= stated <= most + 1


# ------------------------------------------------------------------------------------------ what cannot be at all


def _bounded(record: Record, source: str) -> None:
    """Raise ``InputError`` for a time or a size in ``repeats`` that none can be."""
    named = [(f"repeats[{index}]", repeat) for index, repeat in enumerate(record.repeats)]
    named += [(f"set_aside[{index}]", repeat) for index, repeat in enumerate(record.set_aside)]
    for name, repeat in named:
        for field, value in _whole_numbers(repeat):
            if not 0 <= value <= MOST:
                raise InputError(f"{source}: {name}.{field} is {value}, which cannot be", REMEDY)


def _whole_numbers(repeat: Repeat) -> Iterator[tuple[str, int]]:
    names: tuple[str, ...] = ("duration_ns", "harness_ns", "loop_overhead_ns", "token_overhead_ns")
    yield from ((name, value) for name in names if (value := getattr(repeat, name)) is not None)
    for name in Phases.__struct_fields__:
        if (value := getattr(repeat.phases_ns, name)) is not None:
            yield f"phases_ns.{name}", value
    if repeat.samples is not None:
        yield "samples.queries", repeat.samples.queries
    for phase, point in repeat.memory_bytes.items():
        names = ("rss_bytes", "uss_bytes", "pss_bytes", "peak_rss_bytes", "file_mapped_bytes")
        yield from ((f"memory_bytes.{phase}.{n}", value) for n in names if (value := getattr(point, n)) is not None)
    for part in ("energy", "power_pass", "prefill_energy"):
        if (energy := getattr(repeat, part)) is not None:
            yield from ((f"{part}.queries", energy.queries), (f"{part}.duration_ns", energy.duration_ns))


def _consistent(record: Record, source: str) -> None:
    """Raise ``InputError`` for a placement whose parts contradict one another: of it nothing can be computed anew."""
    determinism, placement = record.determinism, record.placement
    if determinism is not None and determinism.identical and (determinism.differing or determinism.max_abs_difference):
        raise InputError(f"{source}: determinism.identical, and outputs that differ are named beside it", REMEDY)
    if placement is None:
        return
    elsewhere = sum(count for device, count in placement.nodes.items() if device != placement.requested)
    if len(placement.fallback) != elsewhere or any(count < 0 for count in placement.nodes.values()):
        message = f"placement.nodes has {elsewhere} elsewhere than on {placement.requested}"
        raise InputError(f"{source}: {message}, and placement.fallback names {len(placement.fallback)}", REMEDY)
    macs, stated = placement.macs or {}, record.plan.model.macs
    if any(count < 0 for count in macs.values()) or (stated is not None and sum(macs.values()) > stated):
        raise InputError(f"{source}: placement.macs adds up to more than plan.model.macs", REMEDY)
