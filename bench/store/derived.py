"""The fields of a record that follow from the others: summary, the harness' medians, quality, agreement and the
verdict.

One function computes them, when a record is assembled and whenever it is read; the values in the file are not shown. If
they differ, the verdict reports it: ``record_edited`` if the rules cannot explain it, ``recomputed`` if the record was
written under other rules. Contradictory fields that cannot be computed, such as a placement, are refused by
``bench.store.contradictions``. ``bench.store.origins`` states for every field whether it is computed here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from bench import __version__
from bench.analysis.energy import energies_of, energy_summary
from bench.analysis.memory import memory_summary
from bench.analysis.outputs.agreement_again import agreement_again
from bench.analysis.outputs.tolerance import rounds_as_int8
from bench.analysis.quality_recomputed import quality_again
from bench.analysis.rules import of_these_rules, rules_digest
from bench.analysis.throughput import window_converged
from bench.errors import InputError
from bench.record.part import Correction
from bench.record.record import Fidelity, Harness, PlanPart, Record, RecordedRun, Repeat, Tool
from bench.record.summary import Summary
from bench.record.text import Agreement
from bench.scenarios.axes import mixes_points
from bench.scenarios.kinds import kind_of
from bench.scenarios.open_loops import bound_ns, bound_percentile
from bench.scenarios.text import lanes_of
from bench.stats.convergence import asks_convergence, steady, width_of
from bench.stats.passes.settling import passes_converged, passes_steady
from bench.store.contradictions import REMEDY, refuse
from bench.store.plan_contradictions import untrue
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    from bench.analysis.run_processes import TimedRun
    from bench.record.quality import Quality

    Samples = Mapping[str, np.ndarray[Any, Any]]

OF_LOADING = ("record_edited", "recomputed")
"""The codes that are given when a record is read; records are never written with them."""
CLOSE = 1e-6  # relative: the last digits of a float are the processor's
CLOSE_INTERVAL = 0.02  # an interval's bound may move by a rank with them
OF_A_WINDOW = ("start_ns", "latency_ns"), ("in_flight_start_ns", "in_flight_latency_ns")
INTERVALS = ("_ci95", "interval95")
CLOSE_P_VALUE = 0.01  # absolute: the draws of a test are those of one version of numpy


def judged(run: RecordedRun) -> "TimedRun":
    """``run`` with everything in its record that follows from the rest of it: the ``computed`` figures, and the verdict
    on them."""
    from bench.analysis.run_processes import timed
    from bench.analysis.verdict.judge import judge

    found = timed(run)
    found = replace(found, record=_computed(found))
    return replace(found, record=replace(found.record, verdict=judge(found)))


def computed(record: Record, samples: "Samples") -> Record:
    """``record`` with all computed that follows from its repeats and ``samples``: the summary, the harness' medians,
    whether each repeat converged, quality and paired tests, agreement of tokens. Outputs stay right only where the
    stated figures reach the thresholds. What only the measuring run knew is kept as stated; see
    ``bench.store.origins``."""
    from bench.analysis.run_processes import timed

    return _computed(timed(RecordedRun(record, samples)))


def _computed(run: "TimedRun") -> Record:
    converged = iter(_converged(run))
    repeats = tuple(_by_the_rule(repeat, run, converged) for repeat in run.record.repeats)
    record = replace(run.record, repeats=repeats)
    run = replace(run, record=record)
    harness = Harness(
        _median([repeat.loop_overhead_ns for repeat in record.repeats]),
        _median([repeat.token_overhead_ns for repeat in record.repeats]),
    )
    summary = _summary(run)
    return replace(
        record,
        summary=summary,
        harness=harness,
        fidelity=_fidelity(record, _judged_by(summary, record.fidelity)),
        quality=_quality(record, run.samples),
    )


def _converged(run: "TimedRun") -> tuple[bool | None, ...]:
    """Of each repeat that has latencies, whether the percentile of the rule is as precise as asked; unknown of points
    on an axis, which are several percentiles, and of open loops, whose percentiles depend on the arrivals."""
    rule, latency, kind = run.record.plan.rule, run.latency, kind_of(run.record.plan.scenario)
    if kind.overlapping or kind.open_loop or mixes_points(run.record.plan.scenario) or not asks_convergence(rule):
        return (None,) * len(latency.parts)
    pairs = zip(latency.intervals(rule.percentile), latency.percentiles(rule.percentile), strict=True)
    widths = [width_of(*pair) for pair in pairs]
    return tuple(width is not None and width < rule.precision for width in widths)


def _by_the_rule(repeat: Repeat, run: "TimedRun", converged: Iterator[bool | None]) -> Repeat:
    """``repeat`` with its convergence by the rule, the next of ``converged``, as stated offline where queries in flight
    were not kept; and whether its warm-up ended steady."""
    plan, named = run.record.plan, repeat.samples
    if named is None:
        return repeat
    held = {role: run.samples[key] for role, key in named.arrays.items() if key in run.samples}
    offline, warmup, warm = kind_of(plan.scenario).overlapping, held.get("warmup_latency_ns"), repeat.warmup
    passes = held.get("pass_ns")
    if warmup is not None and warm is not None and len(warmup):
        if passes is not None and len(passes):
            enough = passes_steady(_in_passes(warmup, len(held["latency_ns"]) // len(passes)), plan.rule)
        else:
            enough = len(warmup) >= (lanes_of(plan.scenario) or 1) if offline else steady(warmup, plan.rule)
        repeat = replace(repeat, warmup=replace(warm, steady=enough))
    if not len(held.get("latency_ns", ())):
        return repeat
    by_percentile = next(converged)
    if passes is not None:
        return replace(repeat, converged=passes_converged(passes, plan.rule) if asks_convergence(plan.rule) else None)
    if kind_of(plan.scenario).open_loop:
        return replace(repeat, converged=_rate_found(plan, held))
    if not offline:
        return replace(repeat, converged=by_percentile)
    whole = all(role in held for pair in OF_A_WINDOW for role in pair)
    lanes = lanes_of(plan.scenario)
    if not whole or not lanes or not repeat.duration_ns:
        return repeat
    done, flying = ([held[role] for role in pair] for pair in OF_A_WINDOW)
    window = repeat.duration_ns, lanes
    return replace(repeat, converged=window_converged(done, flying, window, plan.rule.precision))


def _in_passes(latency: "np.ndarray[Any, Any]", inputs: int) -> "np.ndarray[Any, Any]":
    """What each whole pass over the ``inputs`` took."""
    whole: np.ndarray[Any, Any] = latency[: len(latency) // inputs * inputs].reshape(-1, inputs).sum(axis=1)
    return whole


def _rate_found(plan: PlanPart, held: "Samples") -> bool | None:
    """Whether a search for the largest rate came to its end; ``None`` where there was none."""
    from bench.analysis.open_loops.attempts import attempts_of, search_settled

    roles = ("axis_thousandths", "attempt_point", "attempt_latency_ns")
    bound, percentile = bound_ns(plan.scenario), bound_percentile(plan.scenario)
    if bound is None or percentile is None or any(role not in held for role in roles):
        return None
    rates, point, latency = (held[role] for role in roles)
    return search_settled(attempts_of(rates, point, latency, bound), percentile, plan.rule.precision)


def _quality(record: Record, samples: "Samples") -> "Quality | None":
    return None if record.quality is None else quality_again(record.quality, samples, kept=of_these_rules(record.tool))


def _judged_by(summary: Summary, stated: Fidelity | None) -> Agreement | None:
    """The agreement that outputs are judged by, where its tokens were kept: that with the same file on another engine,
    else the one that the fidelity names."""
    text = summary.text_generation
    compared = [one for one in (text.agreement if text is not None else ()) if one.tokens_compared]
    by_tokens = stated is not None and stated.token_prefix is not None
    found = [one for one in compared if one.of == "engine"] or [
        one for one in compared if by_tokens and stated is not None and one.reference == stated.reference
    ]
    return found[0] if found and found[0].token_ids else None


def _fidelity(record: Record, judged_by: Agreement | None) -> Fidelity | None:
    from bench.analysis.outputs.decided_again import decided_again, decided_by_tokens

    model, stated, precision = record.plan.model, record.fidelity, record.plan.target.executed_precision
    if stated is None:
        return None
    coarse = rounds_as_int8((*model.inputs, *model.outputs), model.precision, stated.float_reference)
    if judged_by is None:
        return decided_again(stated, precision, coarse)
    counted = replace(stated, token_prefix=judged_by.token_prefix, tokens_compared=judged_by.tokens_compared)
    return decided_by_tokens(decided_again(counted, precision, coarse), judged_by, precision)


def _summary(run: "TimedRun") -> Summary:
    from bench.analysis.summary import summarise
    from bench.stats.variance import variance

    record, samples = run.record, run.samples
    repeats, plan, known = record.repeats, record.plan, record.summary
    if not repeats:
        return Summary()
    text_known, energy_known = known.text_generation, known.energy
    energies = [energy for windows in energies_of(repeats) for energy in windows]
    energy = energy_summary(energies, plan.model.macs, _bytes_moved(record), ())
    summary = summarise(
        repeats,
        samples,
        plan.scenario,
        latencies=run.latency,
        token_ids=text_known.token_ids if text_known else (),
        memory=memory_summary(repeats, plan.model.size_bytes),
        energy=replace(energy, reason=energy_known.reason if energy_known else ""),
        settings=plan.settings,
    )
    text = summary.text_generation
    if text is not None:
        text = replace(
            text,
            kv_cache=text_known.kv_cache if text_known else None,
            tokenizer=text_known.tokenizer if text_known else None,
            stop_token_ids=text_known.stop_token_ids if text_known else (),
            answers=text_known.answers if text_known else None,
            agreement=_agreement(record),
            cache_state=text_known.cache_state if text_known else None,
        )
    return replace(summary, text_generation=text, variance=variance(run.latency, 50, plan.rule.precision))


def _bytes_moved(record: Record) -> int | None:
    """As the model's file says; of records from before that was kept, as the summary states it."""
    stated, known = record.summary.energy, record.plan.model.bytes_moved
    if known is not None or of_these_rules(record.tool):
        return known
    return stated.bytes_moved if stated is not None else None


def _agreement(record: Record) -> tuple[Agreement, ...]:
    """By the tokens that were kept; of records from before they were, as stated."""
    text = record.summary.text_generation
    kept = of_these_rules(record.tool)
    return tuple(
        agreement_again(one) if kept or one.reference_token_ids else one for one in (text.agreement if text else ())
    )


def _median(values: Sequence[int | None]) -> int | None:
    known = sorted(v for v in values if v is not None)
    return known[len(known) // 2] if known else None


# --------------------------------------------------------------------------------------------- reading it again


def believed(run: RecordedRun, source: str) -> "TimedRun":
    """``run`` with its figures and its verdict recomputed, and a reason if the file states others. Raises
    ``InputError`` naming ``source`` for a record that contradicts itself, or from whose repeats figures cannot be
    computed."""
    from bench.analysis.verdict.judge import with_corrections

    stated = run.record
    refuse(stated, run.samples, source)
    try:
        found = judged(run)
    except Exception as error:  # whatever arithmetic meets in figures that no run gives
        message = sentence(
            "store.no_figures_can_computed_repeats", source=source, value=type(error).__name__, error=error
        )
        raise InputError(message, REMEDY) from None
    corrections = tuple(_differences(stated, found.record, run))
    found = replace(found, corrections=corrections)
    assert found.record.verdict is not None
    verdict = with_corrections(found.record.verdict, found)
    return replace(found, record=replace(found.record, verdict=verdict, tool=_true_tool(stated.tool)))


def _true_tool(stated: Tool) -> Tool:
    """With the version whose rules the record carries: the digest covers it."""
    return replace(stated, version=__version__) if stated.rules and stated.rules == rules_digest() else stated


def _differences(stated: Record, found: Record, run: RecordedRun) -> Iterator[Correction]:
    figures = tuple(_of_figures(stated, found, run))
    yield from figures
    if stated.status == "ok" and of_these_rules(stated.tool):
        yield from untrue(stated.plan)
    tool, digest = stated.tool, rules_digest()
    if tool.version == __version__ and digest and tool.rules != digest:
        edited = any(one.edited for one in figures)
        yield Correction(
            "tool.rules",
            tool.rules or sentence("store.none"),
            digest,
            edited,
            sentence("store.of_version", version=__version__),
        )
    elif tool.version != __version__ and digest and tool.rules == digest:
        yield Correction("tool.version", tool.version, __version__, True, sentence("store.version_of_its_rules"))


def _of_figures(stated: Record, found: Record, run: RecordedRun) -> Iterator[Correction]:
    same_rules = of_these_rules(stated.tool)
    for field, one, other in _unequal(stated.summary, found.summary, "summary"):
        yield Correction(field, _said(one), _said(other), same_rules or _impossible(field, one, run))
    for name in ("repeats", "harness", "fidelity", "quality"):
        for field, one, other in _unequal(getattr(stated, name), getattr(found, name), name):
            yield Correction(field, _said(one), _said(other), same_rules)
    if (
        stated.fidelity is not None
        and found.fidelity is not None
        and stated.fidelity.ok is None is not found.fidelity.ok
    ):
        yield Correction("fidelity.ok", sentence("store.undecided"), _said(found.fidelity.ok), same_rules)
    if stated.verdict is not None and found.verdict is not None:
        before, after = (_weights(record) for record in (stated, found))
        if before != after or stated.verdict.valid != found.verdict.valid:
            yield Correction("verdict", _words(stated), _words(found), same_rules)


def _weights(record: Record) -> set[tuple[str, bool]]:
    reasons = record.verdict.reasons if record.verdict is not None else ()
    return {(reason.code, reason.invalidates) for reason in reasons if reason.code not in OF_LOADING}


def _words(record: Record) -> Sentence:
    assert record.verdict is not None
    codes = [code for code, _ in sorted(_weights(record))] or sentence("store.no_reason")
    return sentence("store.valid" if record.verdict.valid else "store.not_valid", codes=codes)


def _unequal(stated: Any, found: Any, field: str) -> Iterator[tuple[str, Any, Any]]:
    """Where a stated figure is not the computed one; what the file leaves out it does not state. Sentences are no
    figures, and older records hold text in their place: what they say is decided by codes and figures beside them."""
    if stated is None or stated == found or (stated in ((), {}, "") and found is None):
        return
    if isinstance(stated, Sentence) or isinstance(found, Sentence):
        return
    if isinstance(stated, msgspec.Struct) and type(stated) is type(found):
        for name in stated.__struct_fields__:
            yield from _unequal(getattr(stated, name), getattr(found, name), f"{field}.{name}")
    elif isinstance(stated, dict) and isinstance(found, dict):
        for name, value in stated.items():
            yield from _unequal(value, found.get(name), f"{field}.{name}")
    elif field.endswith(INTERVALS) and isinstance(stated, tuple) and isinstance(found, tuple):
        reach = CLOSE_INTERVAL * max(found[1] - found[0], abs(found[0]))
        if any(abs(one - other) > reach for one, other in zip(stated, found, strict=True)):
            yield field, stated, found
    elif isinstance(stated, tuple) and isinstance(found, tuple) and len(stated) == len(found):
        for index, value in enumerate(stated):
            yield from _unequal(value, found[index], f"{field}[{index}]")
    elif field.endswith("p_value") and isinstance(stated, float) and isinstance(found, float):
        if abs(stated - found) > CLOSE_P_VALUE:
            yield field, stated, found
    elif not _close(stated, found, CLOSE):
        yield field, stated, found


def _close(stated: Any, found: Any, tolerance: float) -> bool:
    if isinstance(stated, bool) or not (isinstance(stated, int | float) and isinstance(found, int | float)):
        return False
    reach = max(tolerance * abs(found), 1 if isinstance(stated, int) and isinstance(found, int) else 0)
    return bool(abs(stated - found) <= reach)


def _said(value: Any) -> Sentence | str:
    """A number with its digits grouped or rounded; all else as the file has it, in JSON."""
    if value is None:
        return sentence("store.none")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return msgspec.json.encode(value).decode()[:80]
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else value[:80]


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
