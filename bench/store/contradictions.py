"""Contradictions in a record: parts that exclude each other and cannot be recomputed.

A figure that follows from other fields is computed again by ``bench.store.derived``. The fields checked here have no
other source, or several that differ. All records ever written satisfy every rule.
"""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bench.analysis.quality_contradictions import quality_contradictions
from bench.errors import InputError
from bench.record.energy import ChannelReading, RepeatEnergy
from bench.record.evidence import Determinism, RepeatedInput, RepeatRule, Until
from bench.record.record import Fidelity, OutputFidelity, Phases, PlacementSummary, PlanPart, Record, Repeat
from bench.record.samples import STAGE_ROLES
from bench.record.text import Agreement
from bench.scenarios.kinds import kind_of, samples_of
from bench.stats.sequential import looks, spent
from bench.store.open_loops import open_loop_contradictions
from bench.store.plan_contradictions import plan_contradictions
from bench.store.points import point_contradictions
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Samples = Mapping[str, np.ndarray[Any, Any]]

MOST = (1 << 53) - 1  # nanoseconds, bytes: a hundred days, and more than any machine holds
REMEDY = sentence("store.use_as_written")
CLOSE = 1e-6  # relative: the last digits of a float are the processor's
SAMPLED_ENDS_S = 0.3  # a pass that samples power is timed from a reading before it to one after
SAMPLED_PART = 0.1


def refuse(record: Record, samples: "Samples", source: str) -> None:
    """Raise ``InputError`` naming ``source`` for the first contradiction."""
    found = next(contradictions(record, samples), None)
    if found is not None:
        raise InputError(sentence("text.at", where=source, message=found), REMEDY)


def contradictions(record: Record, samples: "Samples") -> Iterator[Sentence | str]:
    """Each in a few words that name the fields."""
    yield from _status(record)
    if record.tool.name != "ondevice-bench":
        yield sentence("store.tool_named", tool_name=record.tool.name)
    yield from plan_contradictions(record.plan)
    yield from _numbers_of_repeats(record)
    named = [(f"repeats[{index}]", repeat) for index, repeat in enumerate(record.repeats)]
    named += [(f"set_aside[{index}]", repeat) for index, repeat in enumerate(record.set_aside)]
    for name, repeat in named:
        yield from _repeat(name, repeat, record.plan)
    for repeat in record.repeats:
        yield from _samples(repeat, samples, record.plan)
        yield from open_loop_contradictions(repeat, samples, record.plan.scenario)
        yield from point_contradictions(repeat, samples, record.plan.scenario)
    yield from _determinism(record.determinism)
    yield from _placement(record.placement, record.plan.model.macs)
    yield from _fidelity(record)
    yield from _repeated(record.repeated_input)
    text = record.summary.text_generation
    for index, agreement in enumerate(text.agreement if text is not None else ()):
        yield from _agreement(f"summary.text_generation.agreement[{index}]", agreement)
    if record.quality is not None:
        yield from quality_contradictions(record.quality)


# -------------------------------------------------------------------------------------------------------- status


def _status(record: Record) -> Iterator[Sentence | str]:
    failure = record.failure
    ended = "ok" if failure is None else "skipped" if failure.phase == "plan" else "failed"
    if record.status != ended:
        yield sentence("store.status_failure_says", status=record.status, ended=ended)


def _numbers_of_repeats(record: Record) -> Iterator[Sentence | str]:
    if record.status != "ok":
        return
    done, rule, ended = len(record.repeats) + len(record.set_aside), record.plan.repeat_rule, record.repeats_ended
    turns = record.plan.alternation
    until = None if turns is None else turns.until
    early = until is not None and until.ended == "time" and done >= 1
    if rule is not None and not ((early or rule.fewest <= done) and done <= rule.most):
        yield sentence("store.repeats_set_aside_hold_plan", done=done, fewest=rule.fewest, most=rule.most)
    if rule is None or ended is None:
        return
    fits = {
        "fixed": rule.budget_ns is None,
        "most": rule.budget_ns is not None and done == rule.most,
        "other_side": rule.budget_ns is not None and record.plan.alternation is not None,
        "comparison": until is not None,
    }.get(ended, rule.budget_ns is not None)
    if not fits:
        yield sentence(
            "store.repeats_ended_plan_repeat_rule", ended=ended, fewest=rule.fewest, most=rule.most, done=done
        )
    if until is not None:
        yield from _looks(until, rule, done)


def _looks(until: Until, rule: RepeatRule, done: int) -> Iterator[Sentence | str]:
    """Looks that another number of pairs would have had, or a fraction spent that they did not use."""
    planned = (*(pairs for pairs in looks(until.most) if pairs < done), done)
    if until.ended is not None and until.looks != planned:
        yield sentence("store.until_looks", looks=list(until.looks), planned=list(planned))
    used = spent(until.looks)
    for stated, found in zip((until.spent_different, until.spent_same), used, strict=True):
        if not math.isclose(stated, found, abs_tol=1e-9):
            yield sentence("store.until_spent", stated=stated, found=found)
    if until.most != rule.most or (until.ended == "most" and done != until.most):
        yield sentence("store.until_most", most=until.most, allowed=rule.most, done=done)


# ------------------------------------------------------------------------------------------------------- repeats


def _repeat(name: str, repeat: Repeat, plan: PlanPart) -> Iterator[Sentence | str]:
    for field, value in _whole_numbers(repeat):
        if not 0 <= value <= MOST:
            yield sentence("store.value_impossible", name=name, field=field, value=value)
    if not _is_share(repeat.cpu_busy_share):
        yield sentence("store.cpu_busy_share_cannot", name=name, cpu_busy_share=repeat.cpu_busy_share)
    cache = plan.scenario.compile_cache
    if cache != "none" and repeat.compile_cache not in (None, cache):
        yield sentence("store.compile_cache_differs", name=name, compile_cache=repeat.compile_cache, cache=cache)
    for part in ("energy", "power_pass", "prefill_energy"):
        energy = getattr(repeat, part)
        if energy is not None:
            yield from _energy(f"{name}.{part}", energy, sampled=part == "power_pass")


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


def _energy(name: str, energy: RepeatEnergy, sampled: bool) -> Iterator[Sentence | str]:
    if energy.cpu_seconds is not None and energy.cpu_seconds < 0:
        yield sentence("store.cpu_seconds_cannot", name=name, cpu_seconds=energy.cpu_seconds)
    for index, reading in enumerate(energy.channels):
        yield from _reading(f"{name}.channels[{index}]", reading, energy.duration_ns / 1e9, sampled)


def _reading(name: str, reading: ChannelReading, seconds: float, sampled: bool) -> Iterator[Sentence | str]:
    """Joules above idle are the total less what idle takes in the window."""
    total, idle, above = reading.joules_total, reading.idle_watts, reading.joules
    if reading.lost and any(value is not None for value in (total, reading.busy_seconds, reading.memory_bytes)):
        yield sentence("store.lost_read", name=name)
    if reading.busy_seconds is not None and reading.busy_seconds < 0:
        yield sentence("store.busy_seconds_cannot", name=name, busy_seconds=reading.busy_seconds)
    if reading.memory_bytes is not None and reading.memory_bytes < 0:
        yield sentence("store.memory_bytes_cannot", name=name, memory_bytes=reading.memory_bytes)
    if reading.doubt_joules is not None and not 0 <= reading.doubt_joules < math.inf:
        yield sentence("store.doubt_joules_cannot", name=name, doubt_joules=reading.doubt_joules)
    if above is None:
        return
    if total is None or idle is None:
        yield sentence(
            "store.joules_stated_without", name=name, value="joules_total" if total is None else "idle_watts"
        )
        return
    allowed = max(SAMPLED_ENDS_S, SAMPLED_PART * seconds) * abs(idle) if sampled else 0.0
    if abs(total - idle * seconds - above) > allowed + CLOSE * max(abs(total), abs(idle) * seconds):
        yield sentence("store.joules_joules_total_less_idle", name=name, above=above, total=total - idle * seconds)


def _samples(repeat: Repeat, samples: "Samples", plan: PlanPart) -> Iterator[Sentence | str]:
    """Contradictions between the arrays and the stated numbers."""
    if repeat.samples is None:
        return
    held = {role: samples[key] for role, key in repeat.samples.arrays.items() if key in samples}
    latency, start = held.get("latency_ns"), held.get("start_ns")
    counted, queries = _counted(repeat, samples, plan), repeat.energy.queries if repeat.energy is not None else None
    every = int(held["kept_every"][0]) if len(held.get("kept_every", ())) else 1
    if queries is not None and counted is not None and abs(queries - counted * every) > CLOSE * counted + every - 1:
        yield sentence("store.energy_queries_samples_npz_holds", queries=queries, counted=counted)
    if ("token_ns" in held) != (plan.model.task == "text_generation"):
        code = "store.token_times_held" if "token_ns" in held else "store.token_times_missing"
        yield sentence(code, task=plan.model.task)
    tokens = plan.scenario.generate_tokens
    if "token_ns" in held and tokens is not None and held["token_ns"].shape[1] != tokens:
        yield sentence("store.plan_scenario_generate_tokens_samples", tokens=tokens, held=held["token_ns"].shape[1])
    lengths, prompt = held.get("prompt_tokens"), plan.scenario.prompt_tokens
    if lengths is not None and len(lengths) and prompt is not None and (lengths != prompt).any():
        yield sentence("store.plan_scenario_prompt_tokens_samples", prompt=prompt)
    stages = [held[role] for role in STAGE_ROLES if role in held]
    whole = sum(stages[1:], stages[0]) if len(stages) == len(STAGE_ROLES) else None
    if stages and latency is not None and (whole is None or (whole - latency).any()):
        yield sentence("store.stages_do_not_add_up")
    passes = held.get("pass_ns")
    if passes is not None and latency is not None and not _is_of_passes(latency, passes):
        yield sentence("store.passes_do_not_add_up")
    warm = held.get("warmup_latency_ns")
    if repeat.warmup is not None and warm is not None and repeat.warmup.queries != len(warm):
        yield sentence("store.warmup_queries_samples_npz_holds", queries=repeat.warmup.queries, n_warm=len(warm))
    if latency is None or start is None or not len(latency) or repeat.duration_ns is None:
        return
    done_ns, flying = int((held.get("due_ns", start) + latency).max()), _flying_until_ns(held)
    if done_ns > repeat.duration_ns and plan.alternation is None:
        yield sentence("store.duration_ns_query_ended_after", duration_ns=repeat.duration_ns, done_ns=done_ns)
    if kind_of(plan.scenario).overlapping and flying is not None and flying < repeat.duration_ns:
        yield sentence("store.duration_ns_query_flight_end", duration_ns=repeat.duration_ns, flying=flying)


def _is_of_passes(latency: "np.ndarray[Any, Any]", passes: "np.ndarray[Any, Any]") -> bool:
    """Whether every pass is what as many queries took together."""
    if not len(passes) or len(latency) % len(passes):
        return False
    return bool((latency.reshape(len(passes), -1).sum(axis=1) == passes).all())


def _counted(repeat: Repeat, samples: "Samples", plan: PlanPart) -> float | None:
    """Inferences of the steady state by the arrays; ``None`` offline where those in flight at its end were not kept."""
    from bench.analysis.run_processes import offline_queries

    arrays = repeat.samples.arrays if repeat.samples is not None else {}
    axis = kind_of(plan.scenario).axis
    if axis is not None and axis.zero and "point" in arrays:
        return _first_of_zero(samples.get(arrays["point"]))
    if kind_of(plan.scenario).overlapping:
        return offline_queries(repeat, samples) if "in_flight_latency_ns" in arrays else None
    return repeat.samples.queries * samples_of(plan.scenario) if repeat.samples is not None else None


def _first_of_zero(point: "np.ndarray[Any, Any] | None") -> float | None:
    """How many queries of point 0 come before any other: over them energy is read. ``None`` where another is first."""
    later = () if point is None else point.nonzero()[0].tolist()
    return float(later[0]) if later and later[0] else None


def _flying_until_ns(held: "Samples") -> int | None:
    """When the first of the queries was done that were in flight at the end of an offline window."""
    start, latency = held.get("in_flight_start_ns"), held.get("in_flight_latency_ns")
    if start is None or latency is None or not len(start) or len(start) != len(latency):
        return None
    return int((start + latency).min())


# ------------------------------------------------------------------------------------------------ what was checked


def _determinism(found: Determinism | None) -> Iterator[Sentence | str]:
    if found is None:
        return
    told = found.differing or found.max_abs_difference or found.first_difference is not None
    if found.identical and (told or found.cosine_min is not None or found.within_rounding is not None):
        yield sentence("store.determinism_identical_outputs_differ_named")
    if not found.identical and not found.differing:
        yield sentence("store.determinism_identical_false_no_output")
    if not _is_cosine(found.cosine_min):
        yield sentence("store.determinism_cosine_min_cannot", cosine_min=found.cosine_min)


def _placement(placement: PlacementSummary | None, model_macs: int | None) -> Iterator[Sentence | str]:
    if placement is None:
        return
    nodes, macs = placement.nodes, placement.macs
    elsewhere = sum(count for device, count in nodes.items() if device != placement.requested)
    if len(placement.fallback) != elsewhere or any(count < 1 for count in nodes.values()):
        message = sentence("store.placement_nodes_elsewhere", elsewhere=elsewhere, requested=placement.requested)
        yield sentence("store.placement_fallback_names", message=message, n_fallback=len(placement.fallback))
    if macs is None:
        return
    if set(macs) != set(nodes):
        yield sentence("store.placement_macs_placement_nodes_name")
    if any(count < 0 for count in macs.values()) or (model_macs is not None and sum(macs.values()) != model_macs):
        yield sentence("store.placement_macs_adds_up_plan", sum=sum(macs.values()), model_macs=model_macs)


def _fidelity(record: Record) -> Iterator[Sentence | str]:
    fidelity = record.fidelity
    if fidelity is None:
        return
    yield from _source_of_inputs(record, fidelity)
    if fidelity.by_degree is not None and fidelity.ok is not False:
        yield sentence("store.fidelity_degree_says_how_outputs")
    if (fidelity.outputs or fidelity.ok is not None) and fidelity.inputs < 1:
        yield sentence("store.fidelity_inputs_outputs_compared", inputs=fidelity.inputs)
    for index, output in enumerate(fidelity.outputs):
        yield from _output(f"fidelity.outputs[{index}]", output)


def _source_of_inputs(record: Record, fidelity: Fidelity) -> Iterator[Sentence | str]:
    inputs, asked = record.plan.inputs, record.plan.asked
    if fidelity.inputs_source and (record.plan.model.task == "text_generation" or inputs is None):
        yield sentence("store.fidelity_inputs_source_no_tensors", inputs_source=fidelity.inputs_source)
    if not fidelity.inputs_source or inputs is None:
        return
    judged = record.quality is not None or asked is None or asked.dataset is not None
    if fidelity.inputs_source != inputs.source and not (judged and fidelity.inputs_source == "dataset"):
        yield sentence(
            "store.fidelity_inputs_source_plan_inputs", inputs_source=fidelity.inputs_source, source=inputs.source
        )


def _output(name: str, output: OutputFidelity) -> Iterator[Sentence | str]:
    for field in ("cosine", "cosine_quartile"):
        if not _is_cosine(getattr(output, field)):
            yield sentence("store.value_impossible", name=name, field=field, value=getattr(output, field))
    for field in ("top1_agreement", "top5_agreement", "equal_fraction"):
        if not _is_share(getattr(output, field)):
            yield sentence("store.value_impossible", name=name, field=field, value=getattr(output, field))
    if output.identical and (output.max_abs_error or output.sqnr_db is not None or output.cosine not in (None, 1.0)):
        yield sentence("store.identical_figures_beside_say_elements", name=name)


def _repeated(found: RepeatedInput | None) -> Iterator[Sentence | str]:
    if found is None:
        return
    series = (found.fresh_ns, found.again_ns, found.recalled_ns)
    if len({len(one) for one in series}) != 1:
        yield sentence("store.repeated_input_holds_one_entry")
    if any(not 0 <= value <= MOST for one in series for value in one):
        yield sentence("store.repeated_input_holds_time_cannot")
    if found.reason and any(series):
        yield sentence("store.repeated_input_reason_says_why")


def _agreement(name: str, found: Agreement) -> Iterator[Sentence | str]:
    positions = len(found.divergences_nats)
    differs = found.top1_differs_at
    if len({*differs}) != len(differs) or any(not 0 <= at < positions for at in differs):
        yield sentence("store.top1_positions_wrong", name=name, positions=positions)
    if any(value < 0 for value in found.divergences_nats):
        yield sentence("store.divergences_nats_holds_one_below", name=name)
    for field in ("tokens_equal_share", "top1_agreement"):
        if not _is_share(getattr(found, field)):
            yield sentence("store.value_impossible", name=name, field=field, value=getattr(found, field))


def _is_share(value: float | None) -> bool:
    return value is None or 0 <= value <= 1


def _is_cosine(value: float | None) -> bool:
    return value is None or -1 - CLOSE <= value <= 1 + CLOSE
