"""Is a run's number valid; if not, why, and what to do.

``judge`` needs nothing but a record and its samples, so that anyone can repeat it from disk. A run is invalid where the
number is untrue: too few queries, an unmet precision, repeats that disagree, a drifting series, a busy machine, a loop
that outweighs the model, a cache that answers in its place, a wrong output or one that changes, less work than was
asked for, a meter's energy that is not known well. A reason that leaves the number true is only noted: fallback (unless
placement was to be strict), battery, a changing clock and an unsteady warm-up (drift decides whether they did harm), an
unchecked output, outputs that differ by rounding, a lost sensor, a meter's log without the run, emulation. An emulated
run is not judged by its times, nor is one that another tool measured, whose samples are not known.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bench.analysis.rules import of_these_rules
from bench.analysis.run_processes import timed
from bench.analysis.verdict.answers import answers_differ
from bench.analysis.verdict.codes import CODES, reason
from bench.analysis.verdict.device import DEVICE_CHECKS
from bench.analysis.verdict.emulated import processor_emulator
from bench.analysis.verdict.meter import METER_CHECKS
from bench.analysis.verdict.open_loops import OPEN_LOOP_CHECKS
from bench.analysis.verdict.outputs import OUTPUT_CHECKS
from bench.analysis.verdict.times import BUSY_INVALID, BUSY_SAID, TIME_CHECKS, Check
from bench.record.part import Correction
from bench.record.record import Reason, RecordedRun, Verdict
from bench.words import Sentence, sentence

__all__ = ["BUSY_INVALID", "BUSY_SAID", "CHECKS", "CODES", "judge"]
LEAST_LOOP, LONGEST_PERIOD = 16, 4  # tokens
NO_ARITHMETIC = sentence("verdict.fallback.no_arithmetic")
SHOWN = 3  # corrections, samples and operators that a sentence names


def judge(run: RecordedRun) -> Verdict:
    """The verdict on ``run``, from its record and samples alone; a verdict already in the record is not looked at."""
    record = run.record
    emulated = record.plan.target.emulated or bool(processor_emulator(record))
    if record.status != "ok":
        message = record.failure.sentence if record.failure else sentence(f"verdict.not_measured.{record.status}")
        return with_corrections(Verdict(False, emulated, (reason("not_measured", message, _how_it_ended(run)),)), run)
    untimed = emulated or record.other_tool is not None
    checks = [check for code, check in CHECKS.items() if not (untimed and CODES[code].timing)]
    ordered = timed(run)
    found = tuple(one for check in checks if (one := check(ordered)) is not None)
    return Verdict(not any(one.invalidates for one in found), emulated, found)


def with_corrections(verdict: Verdict, run: RecordedRun) -> Verdict:
    """``verdict``, given without ``run.corrections``, with the reasons for them: no other check looks at them."""
    told = tuple(one for one in (_record_edited(run), _recomputed(run)) if one is not None)
    reasons = (*told, *verdict.reasons) if run.record.status == "ok" else (*verdict.reasons, *told)
    return Verdict(not any(one.invalidates for one in reasons), verdict.emulated, reasons)


def _record_edited(run: RecordedRun) -> Reason | None:
    edited = [one for one in run.corrections if one.edited]
    if not edited:
        return None
    return reason("record_edited", sentence("verdict.record_edited", stated=_stated(edited)), _listed(edited))


def _recomputed(run: RecordedRun) -> Reason | None:
    changed, tool = [one for one in run.corrections if not one.edited], run.record.tool
    if not changed:
        return None
    if of_these_rules(tool) or not tool.rules:
        message = sentence("verdict.recomputed", stated=_stated(changed))
    else:
        message = sentence("verdict.recomputed.unknown_rules", rules=tool.rules, stated=_stated(changed))
    return reason("recomputed", message, _listed(changed))


def _stated(corrections: Sequence[Correction]) -> Sentence:
    first, more = [one.told for one in corrections[:SHOWN]], len(corrections) - SHOWN
    if more > 0:
        return sentence("verdict.stated.and_more", corrections=first, more=more)
    return sentence("verdict.stated", corrections=first)


def _listed(corrections: Sequence[Correction]) -> dict[str, float | int | str]:
    return {"fields": len(corrections), "first": corrections[0].field}


def _how_it_ended(run: RecordedRun) -> dict[str, str]:
    failure = run.record.failure
    ended = {} if failure is None else {"phase": failure.phase, "kind": failure.kind}
    return {"status": run.record.status, **ended}


def _quality_of_another(run: RecordedRun) -> Reason | None:
    quality, plan = run.record.quality, run.record.plan
    if quality is None:
        return None
    differs = [
        what
        for what, measured, judged in (
            ("file", plan.model.sha256, quality.artifact_sha256),
            ("target", plan.target.id, quality.target),
            ("options", plan.target.options_effective, quality.options_effective),
        )
        if measured != judged
    ]
    if not differs:
        return None
    message = sentence("verdict.quality_of_another", parts=[sentence(f"verdict.differs.{what}") for what in differs])
    return reason("quality_of_another", message, {"differs": ", ".join(differs)})


def _dataset_incomplete(run: RecordedRun) -> Reason | None:
    quality = run.record.quality
    if quality is None or not quality.dataset.left_out:
        return None
    left = quality.dataset.left_out
    total = quality.dataset.samples + len(left)
    message = sentence(
        "verdict.dataset_incomplete.and_more" if len(left) > SHOWN else "verdict.dataset_incomplete",
        left_out=len(left),
        samples=total,
        dataset=quality.dataset.name,
        first=[one.told for one in left[:SHOWN]],
    )
    unusable = sum(not one.unlabelled for one in left)
    mostly = unusable > quality.dataset.samples  # then the labels are of another model, and so is the figure
    return reason("dataset_incomplete", message, {"samples_left_out": len(left), "samples": total}, invalidates=mostly)


def _short_generation(run: RecordedRun) -> Reason | None:
    asked, generation = run.record.plan.scenario.generate_tokens, run.record.summary.text_generation
    if asked is None or generation is None or generation.generated_tokens >= asked or generation.stop_token_ids:
        return None
    generated = generation.generated_tokens
    message = sentence("verdict.short_generation", generated=generated, asked=asked)
    return reason("short_generation", message, {"generated_tokens": generated, "asked_tokens": asked})


def _degenerate_generation(run: RecordedRun) -> Reason | None:
    text = run.record.summary.text_generation
    found = repetition(text.token_ids) if text is not None else None
    if found is None:
        return None
    period, begin = found
    total = len(text.token_ids) if text is not None else 0
    message = sentence(
        "verdict.degenerate_generation.one" if period == 1 else "verdict.degenerate_generation.several",
        first=begin + 1,
        tokens=total,
        period=period,
    )
    return reason("degenerate_generation", message, {"period_tokens": period, "from_token": begin + 1, "tokens": total})


def repetition(ids: Sequence[int]) -> tuple[int, int] | None:
    """The period and the beginning of a loop of up to four tokens that a generation ended in; ``None`` if its second
    half is not such a loop, or if it is too short (16 tokens)."""
    if len(ids) < LEAST_LOOP:
        return None
    for period in range(1, LONGEST_PERIOD + 1):
        begin = len(ids)
        while begin > period and ids[begin - 1] == ids[begin - 1 - period]:
            begin -= 1
        begin -= period  # the first round of the loop
        if begin <= len(ids) // 2:
            return period, begin
    return None


def _fallback(run: RecordedRun) -> Reason | None:
    placement = run.record.placement
    if placement is None or not placement.fallback:
        return None
    total, elsewhere = sum(placement.nodes.values()), len(placement.fallback)
    figures: dict[str, float | int | str] = {"nodes": total, "nodes_elsewhere": elsewhere}
    code, share, macs = "verdict.fallback", None, placement.macs or {}
    if sum(macs.values()):
        share = figures["macs_elsewhere_share"] = 1 - macs.get(placement.requested, 0) / sum(macs.values())
        code = "verdict.fallback.with_macs" if share else "verdict.fallback.without_macs"
    first: Any = placement.fallback[:SHOWN]
    message = sentence(
        code,
        elsewhere=elsewhere,
        nodes=total,
        requested=placement.requested,
        operators=sentence("text.and_others", names=first) if elsewhere > SHOWN else first,
        **({"macs_share": share} if share else {}),
    )
    remedy: Sentence | str = sentence("text.sentences", parts=placement.remedies) if placement.remedies else ""
    if not remedy and share == 0:
        remedy = NO_ARITHMETIC
    return reason("fallback", message, figures, invalidates=run.record.plan.strict_placement, remedy=remedy)


def _sensor_lost(run: RecordedRun) -> Reason | None:
    energies = [energy for repeat in run.record.repeats for energy in (repeat.energy, repeat.power_pass)]
    readings = [reading for energy in energies if energy is not None for reading in energy.channels]
    lost = [f"{reading.sensor} {reading.name}" for reading in readings if reading.lost]
    if not lost:
        return None
    channels = sorted(set(lost))
    figures: dict[str, float | int | str] = {
        "readings_lost": len(lost),
        "readings": len(readings),
        "channels": ", ".join(channels),
    }
    return reason("sensor_lost", sentence("verdict.sensor_lost", channels=channels), figures)


def _emulated(run: RecordedRun) -> Reason | None:
    target = run.record.plan.target
    if not target.emulated or processor_emulator(run.record):
        return None
    return reason("emulated", sentence("verdict.emulated", target=target.id), {"target": target.id})


def _emulated_processor(run: RecordedRun) -> Reason | None:
    """Invalid where the plan does not say that the run is emulated: its times would then be taken for a device's."""
    emulator = processor_emulator(run.record)
    if not emulator:
        return None
    return reason(
        "emulated_processor",
        sentence("verdict.emulated_processor", emulator=emulator),
        {"emulator": emulator},
        invalidates=not run.record.plan.target.emulated,
    )


def _other_tool(run: RecordedRun) -> Reason | None:
    tool = run.record.other_tool
    if tool is None:
        return None
    if tool.mean_ns is None or tool.inferences is None:
        return reason("other_tool", sentence("verdict.other_tool.bare", tool=tool.name), {"tool": tool.name})
    figures = {"mean_ns": tool.mean_ns, "inferences": tool.inferences}
    message = sentence("verdict.other_tool", tool=tool.name, **figures)
    if tool.p50_ns is not None:
        figures |= {"median_ns": tool.p50_ns}
        message = sentence("verdict.other_tool.median", tool=tool.name, **figures)
    return reason("other_tool", message, {"tool": tool.name, **figures})


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "record_edited": _record_edited,
        "recomputed": _recomputed,
        **TIME_CHECKS,
        **OPEN_LOOP_CHECKS,
        **DEVICE_CHECKS,
        **OUTPUT_CHECKS,
        "quality_of_another": _quality_of_another,
        "dataset_incomplete": _dataset_incomplete,
        "short_generation": _short_generation,
        "degenerate_generation": _degenerate_generation,
        "answers_differ": answers_differ,
        "fallback": _fallback,
        "sensor_lost": _sensor_lost,
        **METER_CHECKS,
        "emulated": _emulated,
        "emulated_processor": _emulated_processor,
        "other_tool": _other_tool,
    }
)
"""Every check, in the order of the reasons."""
