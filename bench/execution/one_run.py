"""Gathers the evidence for one planned run: the untimed passes, then one repeat after another, each in a process of its
own."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from bench.analysis.repeats import Seen, ended, in_time, left_ns, seen_of, set_aside, why_more
from bench.contracts import Tensors
from bench.errors import OdbError, RunFailure
from bench.execution.runner import JobRunner, Memo
from bench.execution.untimed import UNTIMED
from bench.execution.workbench import Bench
from bench.jobs import Job, Result, Said, decode_as
from bench.machine.environment import capture
from bench.machine.load import HostLoad
from bench.measure.repeat import Measured, MeasureJob
from bench.minutes.files import KeptMinutes, kept_minutes
from bench.passes.evidence import Evidence, Step, known
from bench.passes.prepare import device_name, pipeline_ask
from bench.pipelines.asked import PipelineOpening
from bench.pipelines.job import EndToEndJob
from bench.record.evidence import RepeatRule, Until
from bench.record.inputs import made_up_controls
from bench.record.record import Failure, SampleArrays
from bench.scenarios.lasting import lasting_of
from bench.store.records import new_record_id
from bench.store.unfinished import with_minutes_said
from bench.suite.plan import PlannedRun
from bench.words import Sentence, sentence

UNFED = ("start", "runtime_import", "read", "compile")  # phases before the first inference: no input has been fed


class Gathering:
    """Gathers the evidence for one planned run, step by step, and stops at the first failure.

    ``prepare``, then ``measure`` until it ``has_ended``; others may be measured in between. Samples stay on disk until
    the run is taken as ``left``. ``memo``: what earlier runs of the suite left. ``passes``: what comes before
    measuring.
    """

    def __init__(
        self,
        bench: Bench,
        run: PlannedRun,
        memo: Memo,
        say: Callable[[Sentence | str], None],
        passes: Sequence[Step] | None = None,
    ) -> None:
        self._bench, self._passes = bench, UNTIMED if passes is None else passes
        self._jobs = JobRunner(bench, memo, self.deadline_s, say)
        began = datetime.now(UTC)
        self._evidence = Evidence(
            run=run,
            environment=capture(bench.root),
            channels=bench.channels,
            began_utc=began,
            record_id=new_record_id(run.model.id, run.target.id, began),
            device_name=device_name(run),
            fleet=bench.fleet,
        )
        self._seen: list[Seen] = []
        self._minutes: Path | None = None

    @property
    def run(self) -> PlannedRun:
        """The run as it is carried out."""
        return self._evidence.run

    @property
    def evidence(self) -> Evidence:
        """What there is so far."""
        return replace(self._evidence, log_tail=self._jobs.log_tail)

    def prepare(self) -> bool:
        """All that comes before measuring. Whether there is something to measure; if not, the failure is noted."""
        if self.run.skip is not None:
            self.fail(self.run.skip)
            return False
        return self.attempt(self._pass_all)

    def measure(self, minutes: Path | None = None) -> bool:
        """One repeat more. Whether it went well. ``minutes``: where a long one keeps each minute as it ends; what it
        kept of a repeat that failed stays."""
        self._minutes = minutes
        went_well = self.attempt(self._measure_one)
        kept = None if went_well or minutes is None else kept_minutes(minutes)
        if kept is not None:
            self.attempt(lambda: self._keep_minutes(kept))
        return went_well

    def lasts(self) -> bool:
        """Whether a repeat keeps its minutes."""
        return lasting_of(self.run.scenario) is not None

    def _keep_minutes(self, kept: KeptMinutes) -> None:
        """Take in the minutes of a repeat that did not end, and say in the failure how many they are."""
        import numpy as np

        failure, repeat = known(self._evidence.failure), kept.state.repeat
        place = self.folder() / "samples.npz"
        np.savez(place, allow_pickle=False, **dict(kept.arrays))
        repeat = replace(
            repeat, samples=SampleArrays(len(kept.arrays["latency_ns"]), {role: role for role in kept.arrays})
        )
        measured = replace(decode_as(MeasureJob, kept.state.answer), samples=place, repeat=repeat)
        self.keep(measured, None, None)
        self.fail(with_minutes_said(failure, repeat, self.run.scenario))

    def has_ended(self, nothing_spare: bool = True) -> bool:
        """Whether there is nothing more to measure: the run failed, or needs no further repeat. Why is noted.
        ``nothing_spare``: the other runs of the suite have left no time for it."""
        if self._evidence.failure is None and self._evidence.repeats_ended != "comparison":
            why = ended(self._rule, self._seen, self.run.rule.precision, nothing_spare)
            self._evidence = replace(self._evidence, repeats_ended=why)
        return self._evidence.failure is not None or self._evidence.repeats_ended is not None

    def end_with_the_other(self) -> None:
        """No repeat more, as the run that this one takes turns with needs none. Why is noted."""
        self._evidence = replace(
            self._evidence, repeats_ended="fixed" if self._rule.budget_ns is None else "other_side"
        )

    def looked(self, until: Until) -> None:
        """What was found of the pairs so far, and whether the comparison that they are measured for has ended."""
        run = self.run
        turns = None if run.alternation is None else replace(run.alternation, until=until)
        ended = None if until.ended is None else "comparison"
        self._evidence = replace(self._evidence, run=replace(run, alternation=turns), repeats_ended=ended)

    def in_time(self) -> bool:
        """Whether the next repeat is within the run's own time."""
        return in_time(self._rule, self._seen)

    def left_ns(self) -> int:
        """What the repeats so far have left of the run's own time; negative where they took more."""
        return left_ns(self._rule, self._seen)

    def left(self) -> tuple[Evidence, list[Tensors]]:
        """All that the run left so far, and the samples of its repeats."""
        disturbed = [seen.disturbed for seen in self._seen]
        aside = set_aside(self.run.repeat_rule, disturbed)
        return replace(self.evidence, set_aside=aside), [_samples(one) for one in self._evidence.repeats]

    def unfinished(self) -> tuple[Evidence, list[Tensors]]:
        """As ``left``, if the run were interrupted now."""
        evidence, samples = self.left()
        return replace(evidence, failure=interrupted(len(evidence.repeats), evidence.run)), samples

    @property
    def _rule(self) -> RepeatRule:
        return self.run.repeat_rule or RepeatRule(self.run.repeats, self.run.repeats)

    def attempt(self, step: Callable[[], None]) -> bool:
        """Do ``step``; whether it went well. How it failed is noted."""
        try:
            step()
        except RunFailure as failure:
            prepared = self._evidence.prepared
            inputs = prepared.inputs if prepared is not None else None
            fed = failure.kind == "runtime_error" and failure.phase not in UNFED
            made_up = made_up_controls(inputs) if fed else ""
            remedy = sentence("text.sentences", parts=[one for one in (made_up, failure.advice) if one])
            self.fail(Failure(failure.phase, failure.kind, failure.sentence, remedy))
        except OdbError as error:
            self.fail(Failure("check", "plugin_error", error.sentence, error.advice))
        except OSError as error:
            message = sentence("run.temporary_file_failed", strerror=error.strerror)
            self.fail(Failure("start", "runtime_error", message, sentence("run.free_space_temporary_folder")))
        except KeyboardInterrupt:
            self.fail(interrupted(len(self._evidence.repeats), self.run))
        return self._evidence.failure is None

    def _pass_all(self) -> None:
        for step in self._passes:
            self._evidence = step(self._evidence, self._jobs)

    def _measure_one(self) -> None:
        before = HostLoad.now()
        title = self._title()
        result = self._jobs.attempt(
            self.measure_job(),
            on_phase=self._phase_of(title),
            on_part=self._part_of(title),
            on_said=self.said_of(title),
        )
        measured = self.settled(result)
        busy = HostLoad.now().busy_share_of_others(before, measured.cpu_seconds)
        self.keep(measured, result.wall_ns - measured.runtime_ns, busy, took_ns=result.wall_ns)

    def _title(self) -> Sentence:
        """Which repeat is measured, and the reason for one beyond the minimum number."""
        number, rule = len(self._seen) + 1, self._rule
        why = why_more(rule, self._seen, self.run.rule.precision)
        return (
            sentence("run.repeat_beyond_minimum", number=number, most=rule.most, why=why)
            if why
            else sentence("run.repeat_of", number=number, fewest=rule.fewest)
        )

    def _phase_of(self, title: Sentence) -> Callable[[str], None]:
        self._jobs.say(title)
        return lambda phase: self._jobs.say(sentence("run.in_phase", title=title, phase=phase))

    def _part_of(self, title: Sentence) -> Callable[[int], None]:
        return lambda percent: self._jobs.say(sentence("run.part_done", title=title, percent=percent))

    def said_of(self, title: Sentence) -> Said:
        """Shows what is happening in a repeat behind its ``title``."""
        return lambda words: self._jobs.say(sentence("run.now", title=title, now=words))

    def fail(self, failure: Failure) -> None:
        """End the run for a reason that lies elsewhere."""
        self._evidence = replace(self._evidence, failure=failure)

    def measure_job(self, in_turns: bool = False) -> Job[Measured]:
        """The next repeat, of the network or of the pipeline around it."""
        run, prepared, repeat = self.run, known(self._evidence.prepared), self.network_job(in_turns)
        around = pipeline_ask(run)
        if around is None:
            return repeat
        opening = PipelineOpening(
            ask=around,
            model=run.model.plugin,
            artifact=prepared.artifact,
            files=prepared.pipeline_files,
            tokens=known(self._evidence.scenario).generate_tokens or 1,
        )
        return EndToEndJob(run.target.plugin, repeat=repeat, opening=opening)

    def network_job(self, in_turns: bool = False) -> MeasureJob:
        """The next repeat, of the network. In turns no counter of energy is read: its window would hold the other's
        work too."""
        bench, run, prepared = self._bench, self.run, known(self._evidence.prepared)
        text = known(self._evidence.checked).text
        return MeasureJob(
            run.target.plugin,
            request=known(self._evidence.opening).for_process(),
            scenario=known(self._evidence.scenario),
            rule=run.rule,
            feeds=prepared.feeds[0] if prepared.feeds else None,
            seed=run.seed,
            sensors=bench.sensors(),
            channels=tuple(c for c in bench.channels if not in_turns or c.kind == "power"),
            idle_watts=bench.idle_watts,
            root=bench.root,
            prompts=text.prompts if text is not None else None,
            tokenizer=prepared.tokenizer if text is not None and text.tokenizer is not None else None,
            in_turns=in_turns,
            player=run.player,
            number=len(self._evidence.repeats),
            minutes=None if in_turns else self._minutes,
        )

    def deadline_s(self) -> float:
        """How long the next job may take."""
        return self._bench.deadline_s(self.run)

    def folder(self) -> Path:
        """A new folder for one job. Raises ``RunFailure`` where the workspace is gone."""
        return self._bench.folder()

    def keep(self, measured: Measured, harness_ns: int | None, busy: float | None, took_ns: int = 0) -> None:
        """Take in what a repeat left. ``took_ns``: from spawn to exit, where the run's time is limited."""
        known(self._evidence.opening).caches.proven(measured.facts.compile_cache)
        scenario, rules = known(self._evidence.scenario), (self.run.rule, self._rule)
        self._seen.append(seen_of(measured.repeat, _samples(measured), scenario, rules, busy, took_ns=took_ns))
        self._evidence = replace(
            self._evidence,
            repeats=(*self._evidence.repeats, measured),
            harness_ns=(*self._evidence.harness_ns, harness_ns),
            cpu_busy_share=(*self._evidence.cpu_busy_share, busy),
        )

    def settled(self, result: Result[Measured]) -> Measured:
        """What a repeat measured. Raises ``RunFailure`` for one that failed, with its log kept."""
        return self._jobs.settled(result)


def _samples(measured: Measured) -> Tensors:
    """The raw samples of a repeat, by role."""
    import numpy as np

    with np.load(measured.samples, allow_pickle=False) as archive:
        return {role: archive[role] for role in archive.files}


def interrupted(done: int, run: PlannedRun) -> Failure:
    """How a run ends that Ctrl-C ended after so many repeats."""
    fixed = run.repeat_rule is None or run.repeat_rule.budget_ns is None
    if run.alternation is not None and run.alternation.until is not None:
        message = sentence("run.interrupted_undecided", done=done)
        return Failure("steady" if done else "start", "interrupted", message, sentence("run.run_again"))
    code = "run.interrupted_after" if fixed else "run.interrupted_before_minimum"
    message = sentence(code, done=done, repeats=run.repeats)
    return Failure("steady" if done else "start", "interrupted", message, sentence("run.run_again"))
