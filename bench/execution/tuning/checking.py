"""Whether what a model answers under a setting is still right: its outputs against the reference."""

from collections.abc import Callable

from msgspec import Struct

from bench.execution.one_run import Gathering
from bench.execution.references import compare_tensors
from bench.execution.runner import Memo
from bench.execution.text_references import compare_with_engine, compare_with_weights
from bench.execution.untimed import fit, settle, settle_rule
from bench.execution.workbench import Bench
from bench.passes import check, convert, foresee, prepare
from bench.passes.evidence import Step
from bench.record.record import Failure, Fidelity
from bench.suite.plan import PlannedRun
from bench.words import Sentence, sentence

CHECKS: tuple[Step, ...] = (
    prepare.evidence,
    settle,
    fit,
    foresee.evidence,
    convert.evidence,
    check.evidence,
    compare_tensors,
    compare_with_engine,
    compare_with_weights,
    settle_rule,
)
"""Of ``bench.execution.untimed.UNTIMED`` those that the outputs need."""


class Answered(Struct, frozen=True):
    """``wrong``: why the setting is dropped; empty where its outputs are right, or no less right than the default's.
    ``failure``: it could not be opened or run."""

    fidelity: Fidelity | None
    wrong: Sentence | str = ""
    failure: Failure | None = None


def answered(
    bench: Bench, run: PlannedRun, memo: Memo, say: Callable[[Sentence | str], None], default: Fidelity | None
) -> Answered:
    """Run the checks for ``run``. ``default``: of the outputs without the setting; where those are not right either,
    the setting is not dropped for it."""
    gathering = Gathering(bench, run, memo, say, passes=CHECKS)
    if not gathering.prepare():
        failure = gathering.evidence.failure
        if failure is not None and failure.kind == "interrupted":
            raise KeyboardInterrupt
        return Answered(None, failure=failure)
    found = gathering.evidence.fidelity
    if found is None or found.ok is not False or (default is not None and default.ok is False):
        return Answered(found)
    return Answered(found, wrong=wrong_words(found))


def wrong_words(found: Fidelity) -> Sentence:
    """Why the outputs are wrong."""
    if found.tokens_compared is not None:
        prefix = found.token_prefix or 0
        return sentence("tune.wrong_tokens", prefix=prefix, compared=found.tokens_compared, reference=found.reference)
    figures = sentence("outputs.figures", cosine=found.cosine_min, sqnr_db=found.sqnr_db_min)
    return sentence("tune.wrong_outputs", figures=found.reason or figures, reference=found.reference)
