"""All codes that a reason of a verdict may have, in one table, which the documentation lists."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from bench.record.record import Reason
from bench.words import Sentence

Figures = Mapping[str, float | int | str]


About = Literal["steady_state", "times", "run"]
Group = Literal["failed", "outputs", "placement", "noise"]
Cause = Literal["unsteady_machine", "wrong_outputs"]


class Code(Struct, frozen=True):
    """One kind of reason. ``invalidates`` is its default; the checks of ``not_converged``, ``drift``, ``host_busy``,
    ``processes_differ``, ``repeats_set_aside``, ``cached_results``, ``fallback``, ``seeded_work``,
    ``dataset_incomplete`` and ``nondeterministic_output`` decide it for each run.
    ``about``: the part of a run that it makes doubtful: times of the steady state, all times, or everything.
    ``group``: the name by which ``--fail-on`` takes it together with others; see ``bench.analysis.verdict.fail_on``.
    ``cause``: what reports name instead, because the cause shows in several codes at once; ``None``: the code itself.
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
            "The run failed or was skipped, so it has no figures.",
            "See the remedy of the failure.",
            invalidates=True,
            group="failed",
        ),
        "record_edited": Code(
            "The record states figures that its own content does not give: it was edited after it was written.",
            "Make no claim from this record. Ask for it as it was written, or measure again.",
            invalidates=True,
            group="outputs",
        ),
        "recomputed": Code(
            "The record was written under other rules. Its figures and verdict are recomputed under the current rules, "
            "and some differ from the stored ones.",
            "The recomputed figures are shown. Measure again for a record under the current rules.",
            invalidates=False,
            group="outputs",
        ),
        "too_few_samples": Code(
            "There are fewer queries than LoadGen requires at 99 % confidence for the percentile of the preset.",
            "Measure longer, with more repeats, or ask for a lower percentile; see --preset.",
            invalidates=True,
            group="noise",
            about="steady_state",
        ),
        "not_converged": Code(
            "A repeat ended before the interval of its percentile was as narrow as the preset requires.",
            "Make the machine quieter, or allow more time with --max-seconds.",
            invalidates=True,
            group="noise",
            about="steady_state",
            cause="unsteady_machine",
        ),
        "processes_differ": Code(
            "The repeats differ so much that the figure is not as precise as the preset requires.",
            "Measure more --repeats on a quieter machine. To compare two models, use --against: the difference between "
            "processes cancels there.",
            invalidates=True,
            group="noise",
            about="steady_state",
            cause="unsteady_machine",
        ),
        "single_process": Code(
            "One process was measured: the variance between processes is unknown, and intervals are those within it.",
            "Measure with --repeats 5, or leave the number to the preset.",
            invalidates=False,
            group="noise",
            about="steady_state",
        ),
        "drift": Code(
            "The steady state became slower or faster during the measurement, as under thermal throttling.",
            "Let the machine cool down, plug it in, fix its clocks, and warm up longer.",
            invalidates=True,
            group="noise",
            about="steady_state",
            cause="unsteady_machine",
        ),
        "not_steady": Code(
            "The warm-up reached its time limit before its windows agreed.",
            "Use a longer preset, which allows a longer warm-up.",
            invalidates=False,
            group="noise",
            about="steady_state",
            cause="unsteady_machine",
        ),
        "host_busy": Code(
            "Other processes used the machine during a repeat.",
            "Close other programs, and measure again.",
            invalidates=True,
            group="noise",
            about="times",
            cause="unsteady_machine",
        ),
        "repeats_set_aside": Code(
            "Repeats that other processes disturbed were repeated, and are not part of any figure.",
            "Nothing needs to be done; the record holds these repeats. A quieter machine avoids them.",
            invalidates=False,
            group="outputs",
            about="times",
        ),
        "frequency_changed": Code(
            "The processor's clock changed by more than a tenth while queries were timed.",
            "Fix the clocks (governor performance, turbo off), or let the machine cool down. The code drift shows "
            "whether the change affected the times.",
            invalidates=False,
            group="noise",
            about="steady_state",
            cause="unsteady_machine",
        ),
        "cached_results": Code(
            "An input that was seen before is answered much faster than a new one: by a cache, not by the model.",
            "Turn off the runtime's cache of results or prefixes, or give inputs that differ.",
            invalidates=True,
            group="outputs",
            about="steady_state",
        ),
        "on_battery": Code(
            "The machine ran on battery, where most machines lower their clocks.",
            "Plug the machine in, unless you want to measure battery operation.",
            invalidates=False,
            group="noise",
            about="times",
        ),
        "timer_too_coarse": Code(
            "The measuring loop takes a tenth of the latency or more, or queries took no measurable time.",
            "Measure a larger batch or a larger model.",
            invalidates=True,
            group="noise",
            about="steady_state",
        ),
        "output_mismatch": Code(
            "The outputs differ from the reference by more than the executed precision explains.",
            "Check the model's conversion and the target's precision options. Do not quote the speed.",
            invalidates=True,
            group="outputs",
            cause="wrong_outputs",
        ),
        "seeded_mismatch": Code(
            "On made-up inputs the outputs differ by more than the executed precision explains; on real ones they may "
            "agree.",
            "Give inputs of the kind the model was trained on, with --input or --dataset; they decide whether the "
            "outputs are right.",
            invalidates=False,
            group="outputs",
        ),
        "seeded_work": Code(
            "A made-up input determines the amount of work: a length, a number of steps, a branch.",
            "Give that input its real value with --input NAME=FILE.npy; the others may stay made up.",
            invalidates=True,
            group="outputs",
        ),
        "nondeterministic_output": Code(
            "The same input gave different outputs when it was run again.",
            "Ask the runtime for deterministic kernels; where only rounding differs, compare with a tolerance.",
            invalidates=True,
            group="outputs",
            cause="wrong_outputs",
        ),
        "output_unchecked": Code(
            "The outputs were not compared with a reference, or the comparison did not decide.",
            "If the outputs are empty or constant, give other inputs with --input or --dataset. If the reference did "
            "not run, name a model that runs with --reference, or measure where the reference runs.",
            invalidates=False,
            group="outputs",
        ),
        "quality_of_another": Code(
            "Quality was evaluated on a different file, target or options from those timed.",
            "Measure again, and do not change the model's file during the run.",
            invalidates=True,
            group="outputs",
        ),
        "dataset_incomplete": Code(
            "Samples of the dataset were left out: missing, unreadable, without a label, or of a kind that cannot be "
            "evaluated.",
            "Correct the files and fields that the record names.",
            invalidates=False,
            group="outputs",
        ),
        "short_generation": Code(
            "Fewer tokens were generated than the scenario asks for.",
            "Ask for fewer tokens, or use a model with a longer context.",
            invalidates=True,
            group="outputs",
        ),
        "degenerate_generation": Code(
            "The generation ended in a loop of a few tokens, which shows little about answers or agreement.",
            "Give a real prompt with --prompts or --prompt-ids. The loop does not affect times.",
            invalidates=False,
            group="outputs",
        ),
        "fallback": Code(
            "Part of the graph ran on a device other than the one requested.",
            "Change or quantise the operators named, or use --strict-placement to make this an error.",
            invalidates=False,
            group="placement",
        ),
        "sensor_lost": Code(
            "A power sensor disappeared or overflowed during the measurement.",
            "Measure again; if it happens again, do not use that sensor.",
            invalidates=False,
            group="noise",
        ),
        "emulated": Code(
            "The device was emulated: times are the emulator's, and the device's speed is unknown.",
            "Measure on the device to know its speed.",
            invalidates=False,
            group="placement",
        ),
    }
)
"""All codes; a code that is not listed is never given."""


def codes_of(cause: Cause) -> frozenset[str]:
    """The codes in which a cause shows."""
    return frozenset(code for code, known in CODES.items() if known.cause == cause)


def reason(
    code: str,
    message: Sentence | str,
    figures: Figures,
    invalidates: bool | None = None,
    remedy: Sentence | str = "",
) -> Reason:
    """A reason of that code with the figures behind its message. By default ``invalidates`` and ``remedy`` are those of
    the code."""
    known = CODES[code]
    weight = known.invalidates if invalidates is None else invalidates
    return Reason(code, message, remedy or known.remedy, weight, dict(figures))
