"""Is a run's number valid; if not, why, and what to do.

``judge`` needs nothing but a record and its samples, so that anyone can repeat it from disk. What makes a verdict
negative is what makes the number untrue: too few queries, an unmet precision, a drifting series, a busy machine, a loop
that outweighs the model, a wrong output, less work than was asked for. What leaves the number true of what ran is said
and no more: fallback (unless placement was to be strict), battery, an unsteady warm-up (drift decides whether it did
harm), an unchecked output, a lost sensor, emulation. An emulated run is not judged by its times.
"""

from collections.abc import Callable, Mapping
from statistics import median
from types import MappingProxyType

from msgspec import Struct

from bench.record import Reason, RecordedRun, Verdict


class Code(Struct, frozen=True):
    """One kind of reason. ``invalidates`` is its default, which ``host_busy`` and ``fallback`` decide case by case.
    ``timing``: it is about times only, and stays silent for an emulated run."""

    meaning: str
    remedy: str
    invalidates: bool
    timing: bool = False


CODES: Mapping[str, Code] = MappingProxyType(
    {
        "not_measured": Code(
            "The run failed or was skipped: it has no numbers.",
            "See the failure's own remedy.",
            invalidates=True,
        ),
        "too_few_samples": Code(
            "Fewer queries than LoadGen needs at 99 % confidence for the percentile asked for.",
            "Measure longer, with more repeats, or ask for a lower percentile; see --preset.",
            invalidates=True,
            timing=True,
        ),
        "not_converged": Code(
            "A repeat ended before the interval of its percentile was as narrow as the preset asks.",
            "Quieten the machine, or allow more time with --max-seconds.",
            invalidates=True,
            timing=True,
        ),
        "drift": Code(
            "The steady state became slower or faster while it was measured, as under thermal throttling.",
            "Let the machine cool, plug it in, fix its clocks, and warm up longer.",
            invalidates=True,
            timing=True,
        ),
        "not_steady": Code(
            "The warm-up ran out of time before its windows agreed.",
            "Use a longer preset, which may warm up longer.",
            invalidates=False,
            timing=True,
        ),
        "host_busy": Code(
            "Other processes used the machine during a repeat.",
            "Close what else is running, and measure again.",
            invalidates=True,
            timing=True,
        ),
        "on_battery": Code(
            "The machine ran on battery, where most lower their clocks.",
            "Plug the machine in, unless battery operation is what you want to know.",
            invalidates=False,
            timing=True,
        ),
        "timer_too_coarse": Code(
            "The harness' own loop takes a tenth of the latency or more, or queries took no measurable time.",
            "Measure a larger batch or a larger model.",
            invalidates=True,
            timing=True,
        ),
        "output_mismatch": Code(
            "The outputs differ from the reference by more than the executed precision explains.",
            "Check the model's conversion and the target's precision options; do not quote the speed.",
            invalidates=True,
        ),
        "output_unchecked": Code(
            "The outputs were not held against a reference, or nothing could be decided from it.",
            "Measure the same model where a reference can run, or in float32.",
            invalidates=False,
        ),
        "quality_of_another": Code(
            "Quality was judged on another file, target or options than were measured.",
            "Measure again, and leave the model's file alone meanwhile.",
            invalidates=True,
        ),
        "dataset_incomplete": Code(
            "Samples of the dataset were left out: missing, unreadable, not labelled, or not to be judged.",
            "Correct the files and fields that the record names.",
            invalidates=False,
        ),
        "short_generation": Code(
            "Fewer tokens were generated than the scenario asks for.",
            "Ask for fewer tokens, or use a model or context that allows as many.",
            invalidates=True,
        ),
        "fallback": Code(
            "Part of the graph ran on another device than the one asked for.",
            "Change or quantise the operators named, or ask for strict placement to make this an error.",
            invalidates=False,
        ),
        "sensor_lost": Code(
            "A power sensor vanished or overflowed while it was read.",
            "Measure again; if it happens again, leave that sensor out.",
            invalidates=False,
        ),
        "emulated": Code(
            "The device was emulated: times are the emulator's and say nothing of the device's speed.",
            "Run it on the device for its speed.",
            invalidates=False,
        ),
    }
)
"""Every code a reason may carry; a code not listed is never given."""

DRIFT_TOLERANCE = 0.05  # less than this from the first third to the last is told apart by long runs, and harmless
BUSY_SAID, BUSY_INVALID = 0.10, 0.25  # share of the whole machine
OVERHEAD_SHARE = 0.10  # of the median latency


def judge(run: RecordedRun) -> Verdict:
    """The verdict on ``run``, from its record and samples alone; a verdict already in the record is not looked at."""
    record = run.record
    if record.status != "ok":
        message = record.failure.message if record.failure else f"the run was {record.status}"
        return Verdict(False, record.plan.target.emulated, (_reason("not_measured", message),))
    emulated = record.plan.target.emulated
    checks = [check for code, check in CHECKS.items() if not (emulated and CODES[code].timing)]
    reasons = tuple(reason for check in checks if (reason := check(run)) is not None)
    return Verdict(not any(reason.invalidates for reason in reasons), emulated, reasons)


def _reason(code: str, message: str, invalidates: bool | None = None) -> Reason:
    known = CODES[code]
    return Reason(code, message, known.remedy, known.invalidates if invalidates is None else invalidates)


# ------------------------------------------------------------------------------------------------ about times


def _too_few_samples(run: RecordedRun) -> Reason | None:
    from bench.statistics import MIN_SAMPLES, early_stopping_min_samples

    plan = run.record.plan
    p = plan.rule.percentile if plan.scenario.name == "single-stream" else 50
    needed = MIN_SAMPLES.get(p) or early_stopping_min_samples(p)
    queries = sum(len(array) for array in run.arrays("latency_ns"))
    if queries >= needed:
        return None
    return _reason("too_few_samples", f"{queries} queries were measured; a p{p:g} needs {needed}.")


def _not_converged(run: RecordedRun) -> Reason | None:
    from bench.measure.stopping import asks_convergence, relative_width

    rule = run.record.plan.rule
    if not asks_convergence(rule):
        return None
    if run.record.plan.scenario.name == "offline":
        return _throughput_not_converged(run)
    widths = [relative_width(array, rule.percentile) for array in run.arrays("latency_ns")]
    wide = [width for width in widths if width is None or width >= rule.precision]
    if not wide:
        return None
    known = [width for width in wide if width is not None]
    worst = f"the widest interval is {_percent(max(known))} of it" if known else "too few independent queries to tell"
    return _reason(
        "not_converged",
        f"{len(wide)} of {len(widths)} repeats ended before the p{rule.percentile:g} was known "
        f"to {_percent(rule.precision)}: {worst}.",
    )


def _throughput_not_converged(run: RecordedRun) -> Reason | None:
    known = [repeat.converged for repeat in run.record.repeats if repeat.converged is not None]
    if all(known):
        return None
    precision = _percent(run.record.plan.rule.precision)
    return _reason(
        "not_converged",
        f"{known.count(False)} of {len(known)} repeats ended before the throughput was known to {precision}.",
    )


def _drift(run: RecordedRun) -> Reason | None:
    from bench.statistics import drift

    arrays = [repeat.samples.arrays for repeat in run.record.repeats if repeat.samples is not None]
    series = [
        (run.samples.get(keys.get("start_ns", "")), run.samples.get(keys.get("latency_ns", ""))) for keys in arrays
    ]
    found = [drift(start, latency) for start, latency in series if start is not None and latency is not None]
    tolerance = max(DRIFT_TOLERANCE, run.record.plan.rule.precision)  # less than was asked for is no matter
    moved = [change for change in found if change is not None and change.exceeds(tolerance)]
    if not moved:
        return None
    worst = max(moved, key=lambda change: abs(change.change))
    direction = "slower" if worst.change > 0 else "faster"
    return _reason(
        "drift",
        f"{len(moved)} of {len(found)} repeats drifted: the last third was up to {_percent(abs(worst.change))} "
        f"{direction} than the first (99 % interval {worst.lo:+.1%} to {worst.hi:+.1%}).",
    )


def _not_steady(run: RecordedRun) -> Reason | None:
    warmups = [repeat.warmup for repeat in run.record.repeats if repeat.warmup is not None]
    restless = [warmup for warmup in warmups if not warmup.steady]
    if not restless:
        return None
    longest = max(warmup.duration_ns for warmup in restless) / 1e9
    return _reason(
        "not_steady",
        f"{len(restless)} of {len(warmups)} warm-ups ended unsteady, the longest after {longest:.2g} s.",
    )


def _host_busy(run: RecordedRun) -> Reason | None:
    shares = [repeat.cpu_busy_share for repeat in run.record.repeats if repeat.cpu_busy_share is not None]
    worst = max(shares, default=0.0)
    if worst < BUSY_SAID:
        return None
    return _reason(
        "host_busy",
        f"Other processes used up to {_percent(worst)} of the machine during a repeat.",
        invalidates=worst >= BUSY_INVALID,
    )


def _on_battery(run: RecordedRun) -> Reason | None:
    environment = run.record.environment
    if environment.power_source != "battery":
        return None
    charge = "" if environment.battery_percent is None else f", charged to {environment.battery_percent:.0f} %"
    return _reason("on_battery", f"The machine ran on battery{charge}.")


def _timer_too_coarse(run: RecordedRun) -> Reason | None:
    from bench.statistics import percentile

    arrays = run.arrays("latency_ns")
    middles = [percentile(array, 50) for array in arrays if len(array)]
    if not middles:
        return None
    instant = sum(int((array <= 0).sum()) for array in arrays)
    if instant:
        return _reason("timer_too_coarse", f"{instant} queries took no measurable time.")
    overhead, p50 = run.record.harness.loop_overhead_ns, median(middles)
    if overhead is None or overhead < OVERHEAD_SHARE * p50:
        return None
    return _reason(
        "timer_too_coarse",
        f"The loop itself takes {overhead / 1e3:.2f} µs, which is {_percent(overhead / p50)} of "
        f"the median of {p50 / 1e3:.2f} µs.",
    )


# ----------------------------------------------------------------------------------------- about all the rest


def _output_mismatch(run: RecordedRun) -> Reason | None:
    fidelity = run.record.fidelity
    if fidelity is None or fidelity.ok is not False:
        return None
    detail = fidelity.reason or f"cosine {fidelity.cosine_min}, SQNR {fidelity.sqnr_db_min} dB"
    return _reason("output_mismatch", f"Against {fidelity.reference} ({fidelity.rule}): {detail}.")


def _output_unchecked(run: RecordedRun) -> Reason | None:
    fidelity = run.record.fidelity
    if fidelity is None:
        return _reason("output_unchecked", "The outputs were not held against a reference.")
    if fidelity.ok is not None:
        return None
    found = ""
    if fidelity.token_prefix is not None:
        found = f" the first {fidelity.token_prefix} of {fidelity.tokens_compared} tokens are equal;"
    return _reason("output_unchecked", f"Against {fidelity.reference}:{found} {fidelity.reason or 'nothing decided'}.")


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
    return _reason("quality_of_another", f"Measured and judged differ: {', '.join(differs)}.") if differs else None


def _dataset_incomplete(run: RecordedRun) -> Reason | None:
    quality = run.record.quality
    if quality is None or not quality.dataset.left_out:
        return None
    left = quality.dataset.left_out
    first = "; ".join(f"{one.file}: {one.reason} ({one.field})" for one in left[:3]) + ("; …" if len(left) > 3 else "")
    total = quality.dataset.samples + len(left)
    return _reason("dataset_incomplete", f"{len(left)} of {total} samples of {quality.dataset.name} left out: {first}.")


def _short_generation(run: RecordedRun) -> Reason | None:
    asked, generation = run.record.plan.scenario.generate_tokens, run.record.summary.text_generation
    if asked is None or generation is None or generation.generated_tokens >= asked:
        return None
    return _reason("short_generation", f"{generation.generated_tokens} tokens were generated; {asked} were asked for.")


def _fallback(run: RecordedRun) -> Reason | None:
    placement = run.record.placement
    if placement is None or not placement.fallback:
        return None
    total, elsewhere = sum(placement.nodes.values()), len(placement.fallback)
    message = f"{elsewhere} of {total} nodes ran elsewhere than on {placement.requested}"
    macs = placement.macs or {}
    if sum(macs.values()):
        share = 1 - macs.get(placement.requested, 0) / sum(macs.values())
        message += f", with {_percent(share)} of the multiply-accumulates"
    first = ", ".join(placement.fallback[:3]) + (" …" if elsewhere > 3 else "")
    return _reason("fallback", f"{message}: {first}.", invalidates=run.record.plan.strict_placement)


def _sensor_lost(run: RecordedRun) -> Reason | None:
    energies = [energy for repeat in run.record.repeats for energy in (repeat.energy, repeat.power_pass)]
    readings = [reading for energy in energies if energy is not None for reading in energy.channels]
    lost = sorted({f"{reading.sensor} {reading.name}" for reading in readings if reading.lost})
    if not lost:
        return None
    return _reason("sensor_lost", f"No energy from {', '.join(lost)}: a reading was lost.")


def _emulated(run: RecordedRun) -> Reason | None:
    target = run.record.plan.target
    if not target.emulated:
        return None
    return _reason("emulated", f"{target.id} is an emulator: compilation, placement and outputs count, times do not.")


CHECKS: Mapping[str, Callable[[RecordedRun], Reason | None]] = MappingProxyType(
    {
        "too_few_samples": _too_few_samples,
        "not_converged": _not_converged,
        "drift": _drift,
        "not_steady": _not_steady,
        "host_busy": _host_busy,
        "on_battery": _on_battery,
        "timer_too_coarse": _timer_too_coarse,
        "output_mismatch": _output_mismatch,
        "output_unchecked": _output_unchecked,
        "quality_of_another": _quality_of_another,
        "dataset_incomplete": _dataset_incomplete,
        "short_generation": _short_generation,
        "fallback": _fallback,
        "sensor_lost": _sensor_lost,
        "emulated": _emulated,
    }
)
"""Every check that the record's data permits, in the order of the reasons."""


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 1 else f"{100 * share:.0f} %"
