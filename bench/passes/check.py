"""The untimed pass that shows where a model runs and what comes out."""

from pathlib import Path

import msgspec

from bench.contracts import Target
from bench.inputs.tensor_files import load_feeds, save_feeds
from bench.jobs import Announce, Checked, CheckJob, TextChecked
from bench.measure.phases import untimed
from bench.measure.text_driver import OpenedText, open_session
from bench.plugins import load
from bench.record.evidence import Determinism


def check(job: CheckJob, announce: Announce) -> Checked:
    """Untimed: open with inspection on, run every input set once and the first twice, keep what came out."""
    from bench.passes.determinism import compare_tensors
    from bench.passes.text_check import check_text

    target: Target = load(job.plugin)
    if not job.foreseen:
        target.check(job.request.artifact, job.request.device, job.request.options)
    session = open_session(target, msgspec.structs.replace(job.request, inspect=True), untimed(announce))
    announce("check")
    outputs: list[Path] = []
    token_ids: tuple[int, ...] = ()
    text: TextChecked | None = None
    determinism: Determinism | None = None
    if isinstance(session, OpenedText):
        token_ids, text, determinism = check_text(session, job)
    else:
        for index, path in enumerate(job.feeds):
            session.bind(load_feeds(path))()
            outputs.append(job.folder / f"outputs-{index}.npz")
            save_feeds(outputs[-1], session.results())
        if outputs:
            session.bind(load_feeds(job.feeds[0]))()
            precision = session.facts().executed_precision
            found = compare_tensors(load_feeds(outputs[0]), session.results(), precision)
            determinism = msgspec.structs.replace(found, draws=job.request.artifact.facts.draws)
    return Checked(session.facts(), session.placement(), tuple(outputs), token_ids, text, determinism)
