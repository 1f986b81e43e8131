"""Every code that a verdict's reason may carry: one table, which the documentation lists."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from bench.record import Reason

Figures = Mapping[str, float | int | str]


About = Literal["steady_state", "times", "run"]
Group = Literal["failed", "outputs", "placement", "noise"]
Cause = Literal["unsteady_machine", "wrong_outputs"]


class Code(Struct, frozen=True):
    """One kind of reason. ``invalidates`` is its default, which ``not_converged``, ``drift``, ``host_busy``,
    ``processes_differ``, ``repeats_set_aside``, ``cached_results``, ``fallback``, ``seeded_work``,
    ``dataset_incomplete`` and ``nondeterministic_output`` decide case by case.
    ``about``: what of a run it makes doubtful: the times of its steady state, all its times, or everything.
    ``group``: the name under which ``--fail-on`` takes it with others; see ``bench.fail_on``.
    ``cause``: what reports name in its place, because the cause shows in several codes at once; ``None``: the code.
    """

    meaning: str
    remedy: str
    invalidates: bool
    group: Group
    about: About = "run"
    cause: Cause | None = None

    @property
    def timing(self) -> bool:
        """Whether it is about times only, and stays silent for an emulated run."""
        return self.about != "run"


CODES: Mapping[str, Code] = MappingProxyType(
    {
        "not_measured": Code(
            "The run failed or was skipped: it has no numbers.",
            "See the failure's own remedy.",
            invalidates=True,
            group="failed",
        ),
        "record_edited": Code(
            "The record states what its own samples and repeats do not give: it was edited after it was written.",
            "The figures shown are those of its samples. Ask for the record as it was written, or measure again.",
            invalidates=True,
            group="outputs",
        ),
        "recomputed": Code(
            "The record was written under other rules; its figures and verdict are computed anew by those of this "
            "version, and some differ from the stored ones.",
            "The figures shown are those of this version; measure again where a figure must be as it was stated.",
            invalidates=False,
            group="outputs",
        ),
        "too_few_samples": Code(
            "Fewer queries than LoadGen needs at 99 % confidence for the percentile asked for.",
            "Measure longer, with more repeats, or ask for a lower percentile; see --preset.",
            invalidates=True,
            group="noise",
            about="steady_state",
        ),
        "not_converged": Code(
            "A repeat ended before the interval of its percentile was as narrow as the preset asks.",
            "Quieten the machine, or allow more time with --max-seconds.",
            invalidates=True,
            group="noise",
            about="steady_state",
            cause="unsteady_machine",
        ),
        "processes_differ": Code(
            "The repeats differ so much that the figure is not known as precisely as the preset asks.",
            "Measure more --repeats on a quieter machine; to compare two, take turns with --against: there it cancels.",
            invalidates=True,
            group="noise",
            about="steady_state",
            cause="unsteady_machine",
        ),
        "single_process": Code(
            "One process was measured: nothing shows how the next would differ, and intervals are those within it.",
            "Measure with --repeats 5, or leave the number to the preset.",
            invalidates=False,
            group="noise",
            about="steady_state",
        ),
        "drift": Code(
            "The steady state became slower or faster while it was measured, as under thermal throttling.",
            "Let the machine cool, plug it in, fix its clocks, and warm up longer.",
            invalidates=True,
            group="noise",
            about="steady_state",
            cause="unsteady_machine",
        ),
        "not_steady": Code(
            "The warm-up ran out of time before its windows agreed.",
            "Use a longer preset, which may warm up longer.",
            invalidates=False,
            group="noise",
            about="steady_state",
            cause="unsteady_machine",
        ),
        "host_busy": Code(
            "Other processes used the machine during a repeat.",
            "Close what else is running, and measure again.",
            invalidates=True,
            group="noise",
            about="times",
            cause="unsteady_machine",
        ),
        "repeats_set_aside": Code(
            "Repeats that other processes disturbed were measured again, and are in no figure.",
            "Nothing, unless you would rather measure on a quieter machine; the record holds them.",
            invalidates=False,
            group="outputs",
            about="times",
        ),
        "frequency_changed": Code(
            "The processor's clock changed by more than a tenth while queries were timed.",
            "Fix the clocks (governor performance, turbo off), or let the machine cool; drift says if it mattered.",
            invalidates=False,
            group="noise",
            about="steady_state",
            cause="unsteady_machine",
        ),
        "cached_results": Code(
            "An input seen before is answered implausibly faster than a new one: a cache answers, not the model.",
            "Turn the runtime's cache of results or prefixes off, or feed inputs that differ.",
            invalidates=True,
            group="outputs",
            about="steady_state",
        ),
        "on_battery": Code(
            "The machine ran on battery, where most lower their clocks.",
            "Plug the machine in, unless battery operation is what you want to know.",
            invalidates=False,
            group="noise",
            about="times",
        ),
        "timer_too_coarse": Code(
            "The harness' own loop takes a tenth of the latency or more, or queries took no measurable time.",
            "Measure a larger batch or a larger model.",
            invalidates=True,
            group="noise",
            about="steady_state",
        ),
        "output_mismatch": Code(
            "The outputs differ from the reference by more than the executed precision explains.",
            "Check the model's conversion and the target's precision options; do not quote the speed.",
            invalidates=True,
            group="outputs",
            cause="wrong_outputs",
        ),
        "seeded_mismatch": Code(
            "On made-up inputs the outputs are less exact than the executed precision explains; real ones may agree.",
            "Give inputs of the model's own kind with --input or --dataset: they show whether the outputs are right.",
            invalidates=False,
            group="outputs",
        ),
        "seeded_work": Code(
            "A made-up input decides how much the graph does: a length, a number of steps, a branch.",
            "Give that input its real value with --input NAME=FILE.npy; the others may stay made up.",
            invalidates=True,
            group="outputs",
        ),
        "nondeterministic_output": Code(
            "The same input run again gave other outputs.",
            "Ask the runtime for deterministic kernels; where only rounding differs, compare by tolerance.",
            invalidates=True,
            group="outputs",
            cause="wrong_outputs",
        ),
        "output_unchecked": Code(
            "The outputs were not compared with a reference, or the comparison decided nothing.",
            "Where the outputs show nothing, give other inputs with --input or --dataset; where the reference did not "
            "run, name a model that runs with --reference, or measure where it does.",
            invalidates=False,
            group="outputs",
        ),
        "quality_of_another": Code(
            "Quality was judged on another file, target or options than were measured.",
            "Measure again, and leave the model's file alone meanwhile.",
            invalidates=True,
            group="outputs",
        ),
        "dataset_incomplete": Code(
            "Samples of the dataset were left out: missing, unreadable, not labelled, or not to be judged.",
            "Correct the files and fields that the record names.",
            invalidates=False,
            group="outputs",
        ),
        "short_generation": Code(
            "Fewer tokens were generated than the scenario asks for.",
            "Ask for fewer tokens, or use a model or context that allows as many.",
            invalidates=True,
            group="outputs",
        ),
        "degenerate_generation": Code(
            "The generation ended in a loop of a few tokens: it says little of the model's answers or of agreement.",
            "Give a prompt of the model's own kind with --prompts or --prompt-ids; times are not touched by it.",
            invalidates=False,
            group="outputs",
        ),
        "fallback": Code(
            "Part of the graph ran on another device than the one asked for.",
            "Change or quantise the operators named, or ask for strict placement to make this an error.",
            invalidates=False,
            group="placement",
        ),
        "sensor_lost": Code(
            "A power sensor vanished or overflowed while it was read.",
            "Measure again; if it happens again, leave that sensor out.",
            invalidates=False,
            group="noise",
        ),
        "emulated": Code(
            "The device was emulated: times are the emulator's and say nothing of the device's speed.",
            "Run it on the device for its speed.",
            invalidates=False,
            group="placement",
        ),
    }
)
"""Every code a reason may carry; a code not listed is never given."""


def codes_of(cause: Cause) -> frozenset[str]:
    """The codes in which a cause shows."""
    return frozenset(code for code, known in CODES.items() if known.cause == cause)


def reason(code: str, message: str, figures: Figures, invalidates: bool | None = None, remedy: str = "") -> Reason:
    """A reason of that code with the figures behind its message; ``invalidates`` and ``remedy`` unless given are the
    code's own."""
    known = CODES[code]
    weight = known.invalidates if invalidates is None else invalidates
    return Reason(code, message, remedy or known.remedy, weight, dict(figures))
