"""The runs that a language model's tokens are held against: the same file, unoptimised in float32, and the float32
weights of the same model. Each in a process of its own, once for the same ids."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from bench.contracts import Artifact
from bench.inputs.prompts import Prompt, save_prompts
from bench.jobs import Checked, CheckJob, Failed
from bench.plugins import Catalog
from bench.process.supervisor import run_job
from bench.record.record import Fidelity
from bench.record.text import Agreement
from bench.run.references import no_reference, reference_for, why_not_run

if TYPE_CHECKING:
    from bench.analysis.outputs.agreement import Said


class TextReferences:
    """Runs references and compares others with them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._done: dict[tuple[Any, ...], tuple[str, Checked | Failed]] = {}

    def compare(
        self,
        of: Literal["engine", "model"],
        artifact: Artifact,
        job: CheckJob,
        checked: Checked,
        deadline_s: float,
        folder: Callable[[], Path],
    ) -> tuple[Agreement, Fidelity]:
        """What ``job`` produced against a reference run of ``artifact``. When none can run, says why instead."""
        from bench.analysis.outputs.agreement import agreement, judged

        text = checked.text
        assert text is not None
        name, reference = self._reference(artifact, job, checked, deadline_s, folder)
        said = f"{artifact.model_id} {artifact.precision} on {name}"
        if isinstance(reference, Failed):
            why = why_not_run(reference.failure)
            return Agreement(of, said, reason=why), Fidelity(said, reason=why)
        if not text.comparable:
            why = "at a depth, this engine puts a token of its own into the cache: see the run without depth"
            return Agreement(of, said, reason=why), Fidelity(said, reason=why)
        theirs, ours = _said(reference), _said(checked)
        found = agreement(of, said, theirs, ours)
        return found, judged(found, theirs, ours, checked.facts.executed_precision)

    def _reference(
        self, artifact: Artifact, job: CheckJob, checked: Checked, deadline_s: float, folder: Callable[[], Path]
    ) -> tuple[str, Checked | Failed]:
        text = checked.text
        assert text is not None
        forced = sha256(text.forced.read_bytes()).hexdigest()
        key = (artifact.sha256, text.prompt, forced, job.scenario, job.seed)
        if key not in self._done:
            self._done[key] = self._run(artifact, job, text.prompt, text.forced, deadline_s, folder)
        return self._done[key]

    def _run(
        self,
        artifact: Artifact,
        job: CheckJob,
        prompt: tuple[int, ...],
        forced: Path,
        deadline_s: float,
        folder: Callable[[], Path],
    ) -> tuple[str, Checked | Failed]:
        found = reference_for(artifact, artifact, self._catalog)
        if found is None:
            return "none", no_reference(artifact)
        room = folder()
        save_prompts(room / "prompts.json", [Prompt(ids=prompt)])
        request = msgspec.structs.replace(
            job.request,
            artifact=artifact,
            device=found.setup.device,
            options=found.setup.options,
            compile_cache=None,
        )
        again = CheckJob(room, found.plugin, request, job.scenario, (), job.seed, room / "prompts.json", forced)
        event = run_job(again, deadline_s).event
        assert isinstance(event, Checked | Failed)
        return found.name, event


def _said(checked: Checked) -> "Said":
    import numpy as np

    from bench.analysis.outputs.agreement import Said, tokens_of

    text = checked.text
    assert text is not None
    forced = tokens_of(np.load(text.forced, allow_pickle=False).tolist())
    logits = None if text.logits is None else np.load(text.logits, allow_pickle=False)
    return Said(checked.token_ids, forced, logits, text.whole)
