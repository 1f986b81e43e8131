"""All codes that a reason of a verdict may have, in one table, which the documentation lists."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from bench.record.record import Reason
from bench.words import Sentence, sentence

Figures = Mapping[str, float | int | str]


About = Literal["energy", "steady_state", "times", "run"]
Group = Literal["failed", "outputs", "placement", "noise"]
Cause = Literal["unsteady_machine", "wrong_outputs"]


class Code(Struct, frozen=True):
    """One kind of reason. The catalogues say what it means (``verdict.CODE.meaning``) and what to do
    (``verdict.CODE.remedy``).

    ``invalidates`` is its default; the checks of ``not_converged``, ``drift``, ``host_busy``, ``processes_differ``,
    ``repeats_set_aside``, ``cached_results``, ``fallback``, ``seeded_work``, ``dataset_incomplete``,
    ``nondeterministic_output``, ``emulated_processor``, ``throttled``, ``meter_uncertain``, ``deadline_missed`` and
    ``idle_not_idle`` decide it for each run.
    ``about``: the part of a run that it makes doubtful: energy, the steady state, all times, or everything.
    ``group``: the name by which ``--fail-on`` takes it together with others; see ``bench.analysis.verdict.fail_on``.
    ``cause``: what reports name instead, because the cause shows in several codes at once; ``None``: the code itself.
    """

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
        "not_measured": Code(invalidates=True, group="failed"),
        "record_edited": Code(invalidates=True, group="outputs"),
        "recomputed": Code(invalidates=False, group="outputs"),
        "too_few_samples": Code(invalidates=True, group="noise", about="steady_state"),
        "not_converged": Code(invalidates=True, group="noise", about="steady_state", cause="unsteady_machine"),
        "processes_differ": Code(invalidates=True, group="noise", about="steady_state", cause="unsteady_machine"),
        "single_process": Code(invalidates=False, group="noise", about="steady_state"),
        "drift": Code(invalidates=True, group="noise", about="steady_state", cause="unsteady_machine"),
        "not_steady": Code(invalidates=False, group="noise", about="steady_state", cause="unsteady_machine"),
        "host_busy": Code(invalidates=True, group="noise", about="times", cause="unsteady_machine"),
        "repeats_set_aside": Code(invalidates=False, group="outputs", about="times"),
        "frequency_changed": Code(invalidates=False, group="noise", about="steady_state", cause="unsteady_machine"),
        "throttled": Code(invalidates=True, group="noise", about="steady_state"),
        "unplugged_midway": Code(invalidates=True, group="noise", about="times"),
        "cached_results": Code(invalidates=True, group="outputs", about="steady_state"),
        "cache_unchecked": Code(invalidates=False, group="outputs", about="steady_state"),
        "on_battery": Code(invalidates=False, group="noise", about="times"),
        "timer_too_coarse": Code(invalidates=True, group="noise", about="steady_state"),
        "idle_overran": Code(invalidates=True, group="noise", about="steady_state"),
        "load_not_generated": Code(invalidates=True, group="noise", about="steady_state"),
        "deadline_missed": Code(invalidates=True, group="outputs", about="steady_state"),
        "output_mismatch": Code(invalidates=True, group="outputs", cause="wrong_outputs"),
        "seeded_mismatch": Code(invalidates=False, group="outputs"),
        "seeded_work": Code(invalidates=True, group="outputs"),
        "nondeterministic_output": Code(invalidates=True, group="outputs", cause="wrong_outputs"),
        "output_unchecked": Code(invalidates=False, group="outputs"),
        "quality_of_another": Code(invalidates=True, group="outputs"),
        "dataset_incomplete": Code(invalidates=False, group="outputs"),
        "short_generation": Code(invalidates=True, group="outputs"),
        "degenerate_generation": Code(invalidates=False, group="outputs"),
        "answers_differ": Code(invalidates=False, group="outputs"),
        "fallback": Code(invalidates=False, group="placement"),
        "sensor_lost": Code(invalidates=False, group="noise"),
        "meter_not_aligned": Code(invalidates=False, group="noise", about="energy"),
        "meter_gap": Code(invalidates=False, group="noise", about="energy"),
        "meter_uncertain": Code(invalidates=True, group="noise", about="energy"),
        "idle_not_idle": Code(invalidates=True, group="noise", about="energy"),
        "emulated": Code(invalidates=False, group="placement"),
        "emulated_processor": Code(invalidates=False, group="placement"),
        "other_tool": Code(invalidates=False, group="outputs"),
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
    weight = CODES[code].invalidates if invalidates is None else invalidates
    return Reason(code, message, remedy or remedy_of(code), weight, dict(figures))


def meaning_of(code: str) -> Sentence:
    """What a code of the table says of a run."""
    return sentence(f"verdict.{code}.meaning")


def remedy_of(code: str) -> Sentence:
    """What to do about it."""
    return sentence(f"verdict.{code}.remedy")
