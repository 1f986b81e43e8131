"""The search itself: heats of settings within a budget, checks of what they answer, and the confirmation at the end."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from bench import __version__
from bench.contracts import Scenario
from bench.execution.one_run import Gathering
from bench.execution.probe import temporary_workspace
from bench.execution.suite_run import Listener
from bench.execution.tuning.batches import batch_of, options_of, per_sample, with_batch
from bench.execution.tuning.budget import WIDTH, Budget, Reserve, fitting, settings_for, too_short
from bench.execution.tuning.checking import CHECKS, answered
from bench.execution.tuning.confirming import BETTER, confirm, with_setting
from bench.execution.tuning.heats import Process, log_of, measure
from bench.execution.tuning.journal import CheckLine, ConfirmationLine, HeatLine, Journal, Outcome, facts_of, journal_in
from bench.execution.tuning.ledger import Ledger
from bench.execution.tuning.opening import Opened, failed, opened
from bench.execution.tuning.pairs import JournalPairs
from bench.execution.tuning.question import Asked, demand_figure, elsewhere
from bench.execution.workbench import Bench
from bench.measure.repeat import MeasureJob
from bench.passes.evidence import known
from bench.plugins import load
from bench.record.record import Failure
from bench.scenarios.kinds import kind_of
from bench.suite.plan import PlannedRun
from bench.suite.presets import PRESETS, shorter_rule, text_generation_rule
from bench.tuning.halving import FINALISTS, Search, processes_for, proposals
from bench.tuning.result import Confirmation, End, Tuning
from bench.tuning.space import BATCH, DEFAULT, Setting, chosen, text_of
from bench.words import Sentence, sentence

HANG_S, HANG = 15.0, 10
"""A process that takes longer than so many seconds, and so many times what others take, is ended."""
RULE = shorter_rule(PRESETS["quick"].rule, until=True)


class TuneListener(Listener):
    """Told what happens, for progress. Does nothing by itself."""

    def told(self, text: Sentence) -> None:
        """A line that stays: what will be tried, what was dropped."""

    def used(self, used_ns: int, limit_ns: int) -> None:
        """How much of the budget is used."""


class Tuner:
    """One search. ``run`` it; ``result`` is what is known at any time. ``out``: an existing folder, for the records of
    the confirmation. ``journal``: where what is done is kept; what an earlier search left there is not done again."""

    def __init__(
        self, asked: Asked, opened: Opened, out: Path, listener: TuneListener, budget: Budget, journal: Journal
    ) -> None:
        self._asked, self._opened, self._out, self._listener, self._budget = asked, opened, out, listener, budget
        self._journal = journal
        self._prepare_ns, self._space, self._measure = budget.used_ns, opened.space, opened.measure
        self._search = Search(self._space, (), width=WIDTH, seed=asked.seed)
        self._width, self._drawn, self._heats, self._search_ns = WIDTH, 0, 0, 0
        self._best: Setting = DEFAULT
        self._confirmation: Confirmation | None = None
        self._batched: dict[int, Gathering] = {}
        self._ledger = Ledger(opened.task, opened.measure.metric, opened.measure.axes, elsewhere(opened.measure))
        self._ledger.answered(DEFAULT, opened.evidence.fidelity)

    def run(self) -> Tuning:
        """Raises ``OdbError`` where nothing can be tuned; ``KeyboardInterrupt`` with what was measured kept."""
        self._journal.begin(facts_of(self._asked, self._opened))
        for told in self._journal.told():
            self._listener.told(told)
        self._prepare_ns = self._journal.number("prepare_ns", self._budget.used_ns)
        reserve = self._begin()
        self._halve(reserve)
        self._finals(reserve)
        self._search_ns = self._budget.used_ns
        return self.result("default" if self._best == DEFAULT else self._confirm())

    def _begin(self) -> Reserve:
        """Measure the default against itself, which tells what a process takes; then choose the settings."""
        self._listener.step(sentence("tune.step.default"))
        first = self._heat((DEFAULT, DEFAULT), self._opened.gathering.deadline_s() * 2)
        lost = next((one for one in first if isinstance(one, Failure)), None)
        with self._journal.removed_if_refused():  # what the default lacks now it may have in the next search
            if lost is not None:
                raise failed(lost)
            demand_figure(self._measure.metric, first)
        self._width = self._journal.number("width", fitting(first))
        beside = self._measure.beside is not None
        reserve = Reserve(self._prepare_ns, self._budget.process_ns, self._width, beside=beside)
        size = self._space.size - 1
        free_ns = self._budget.left_ns - reserve.total_ns
        count = settings_for(free_ns, self._budget.process_ns, self._width, size + 1)
        if count < 1:
            raise too_short(self._asked.budget_ns, reserve, self._budget.used_ns)
        self._drawn = count = self._journal.number("drawn", count)
        settings = chosen(self._space, count + 1, self._asked.seed)
        proposes = proposals(count, count >= size)
        self._search = Search(
            self._space,
            settings,
            width=self._width,
            seed=self._asked.seed,
            proposes=proposes,
            tolerance=self._asked.tolerance,
        )
        code = "tune.tries_all" if count >= size else "tune.tries_some"
        self._listener.told(
            sentence(
                code,
                options=len(self._space.tunables),
                space=self._space.size,
                drawn=count,
                process=self._budget.process_ns,
                processes=processes_for(count, self._width, proposes),
                minutes=self._budget.left_ns / 60e9,
            )
        )
        return reserve

    # ------------------------------------------------------------------------------------------------------ the search

    def _halve(self, reserve: Reserve) -> None:
        while heat := self._search.next_heat():
            kept_back_ns = replace(reserve, process_ns=self._budget.process_ns).total_ns
            spare_ns = self._budget.left_ns - kept_back_ns
            free = self._journal.number("free", spare_ns // max(1, self._budget.process_ns))
            before = self._search.alive
            if self._search.shorten(max(0, free)):
                self._leave_out([one for one in before if one not in self._search.alive])
                heat = self._search.next_heat()
            if not heat or free < len(heat):
                break
            if not all(self._fits(one) for one in heat[1:]):
                continue
            doubtful = [one for one in heat[1:] if self._search.rung > 0 and self._space.changes_outputs(one)]
            if not all(self._is_right(one) for one in doubtful):
                continue
            self._measure_heat(heat)
        self._leave_out(self._search.alive)

    def _leave_out(self, settings: Collection[Setting]) -> None:
        for setting in settings:
            if setting not in self._search.estimates():
                self._ledger.lose(setting, "left_out")

    def _measure_heat(self, heat: Sequence[Setting]) -> None:
        left = sum(one not in self._search.estimates() for one in self._search.alive)
        self._listener.step(
            sentence("tune.step.heat", rung=self._search.rung + 1, settings=len(self._search.alive), left=left)
        )
        found = self._heat(heat)
        default, *others = found
        if isinstance(default, Failure):
            self._find_out(heat, default)
            return
        logs: dict[Setting, float] = {}
        for setting, one in zip(heat[1:], others, strict=True):
            log = None if isinstance(one, Failure) else log_of(self._measure.metric, one, default)
            if isinstance(one, Failure):
                self._drop(setting, one.sentence)
            elif log is None:
                self._drop(setting, sentence("tune.without_figure", metric=self._measure.metric))
            else:
                logs[setting] = log
        self._search.tell(logs)

    def _find_out(self, heat: Sequence[Setting], why: Failure) -> None:
        """A heat in which the default failed, too, as where one setting hangs and the others wait for it: each again
        beside the default alone. One beside which the default fails again is dropped."""
        if len(heat) == 2:
            self._drop(heat[1], why.sentence)
            return
        for setting in heat[1:]:
            self._measure_heat((DEFAULT, setting))

    def _heat(self, settings: Sequence[Setting], deadline_s: float | None = None) -> tuple[Process | Failure, ...]:
        """Measure the settings of one heat, the default first. Notes figures and times."""
        process_s = self._budget.process_ns / 1e9
        allowed_s = deadline_s or len(settings) * max(HANG_S, HANG * process_s)
        if deadline_s is None:
            allowed_s = min(allowed_s, max(0.0, self._budget.left_ns / 1e9) + len(settings) * process_s)
        found, wall_ns = self._measured(settings, self._measure.scenario, allowed_s)
        self._heats += 1
        if not any(isinstance(one, Failure) for one in found):  # what hangs tells nothing of the others
            self._budget.spent(len(found), wall_ns)
        for setting, one in zip(settings, found, strict=True):
            if not isinstance(one, Failure):
                self._ledger.measured(setting, one)
        return found

    def _measured(
        self, settings: Sequence[Setting], scenario: Scenario, allowed_s: float
    ) -> tuple[tuple[Process | Failure, ...], int]:
        """One process of each in ``scenario``, and the time of all; from the journal, if an earlier search did this."""

        def now() -> HeatLine:
            intent = kind_of(scenario).intent
            jobs = [self._job(setting) for setting in settings]
            jobs = [replace(job, scenario=scenario, request=replace(job.request, intent=intent)) for job in jobs]
            placed = [(job, self._opened.bench.folder()) for job in jobs]
            heat = measure(placed, self._opened.task, allowed_s, first=self._heats, in_turns=self._measure.in_turns)
            failures = [one for one in heat.processes if isinstance(one, Failure)]
            if any(one.kind == "interrupted" for one in failures):
                raise KeyboardInterrupt
            outcomes = tuple(
                Outcome(failure=one) if isinstance(one, Failure) else Outcome(per_sample(one, batch_of(setting)))
                for setting, one in zip(settings, heat.processes, strict=True)
            )
            return HeatLine(about=about, used_ns=self._budget.used_ns, outcomes=outcomes, wall_ns=heat.wall_ns)

        about = " | ".join((scenario.name, *map(text_of, settings)))
        line = self._journal.line(HeatLine, about, now)
        if len(line.outcomes) != len(settings):
            raise self._journal.unfit()
        self._now(line.used_ns)
        return tuple(one.of for one in line.outcomes), line.wall_ns

    def _now(self, used_ns: int) -> None:
        """So much of the budget is used."""
        self._budget.again(used_ns)
        self._listener.used(self._budget.used_ns, self._budget.limit_ns)

    def _job(self, setting: Setting) -> MeasureJob:
        gathering = self._batched.get(batch_of(setting), self._opened.gathering)
        job = gathering.network_job(in_turns=self._measure.in_turns)
        rule = RULE if self._opened.task == "tensor" else text_generation_rule(RULE)
        options = {**job.request.options, **options_of(setting)}
        return replace(job, request=replace(job.request, options=options), rule=rule)

    def _run(self, setting: Setting) -> PlannedRun:
        """The planned run with the setting."""
        run = self._opened.run
        ask = with_batch(run.model.ask, self._opened.artifact.shapes, batch_of(setting))
        target = replace(run.target, options={**run.target.options, **options_of(setting)})
        return replace(run, model=replace(run.model, ask=ask), target=target)

    def _fits(self, setting: Setting) -> bool:
        """Prepare the model with as many samples a query as the setting asks for, once for all settings."""
        batch = batch_of(setting)
        if batch == 1 or batch in self._batched:
            return True
        run = self._run(tuple(one for one in setting if one[0] == BATCH))
        gathering = Gathering(self._opened.bench, run, self._opened.memo, lambda text: None, passes=CHECKS)
        if gathering.prepare():
            self._batched[batch] = gathering
            return True
        failure = gathering.evidence.failure
        if failure is not None and failure.kind == "interrupted":
            raise KeyboardInterrupt
        for other in self._search.alive:
            if batch_of(other) == batch:
                self._drop(other, "" if failure is None else failure.sentence)
        return False

    def _drop(self, setting: Setting, reason: Sentence | str, wrong: bool = False) -> None:
        self._search.drop(setting)
        self._ledger.lose(setting, "wrong_outputs" if wrong else "failed", reason)
        self._listener.told(sentence("tune.dropped", setting=text_of(setting), reason=reason))

    def _is_right(self, setting: Setting) -> bool:
        """Compare the outputs with the reference, once. Whether the setting stays in the search."""
        if self._ledger.is_answered(setting):
            return True
        self._listener.step(sentence("tune.step.check", setting=text_of(setting)))
        line = self._journal.line(CheckLine, text_of(setting), lambda: self._checked(setting))
        self._now(line.used_ns)
        found = line.answered
        if found.failure is not None:
            self._drop(setting, found.failure.sentence)
            return False
        self._ledger.answered(setting, found.fidelity)
        if found.wrong:
            self._drop(setting, found.wrong, wrong=True)
            return False
        return True

    def _checked(self, setting: Setting) -> CheckLine:
        default = self._ledger.fidelity(DEFAULT)
        found = answered(self._opened.bench, self._run(setting), self._opened.memo, lambda text: None, default)
        return CheckLine(about=text_of(setting), used_ns=self._budget.used_ns, answered=found)

    # --------------------------------------------------------------------------------------------------------- the end

    def _finals(self, reserve: Reserve) -> None:
        """Check what the last settings answer, the best first, and measure them in the other scenario."""
        finalists: list[Setting] = []
        for setting in self._search.alive:
            room = self._journal.number("room", self._budget.left_ns > reserve.confirming_ns + self._budget.process_ns)
            if len(finalists) < FINALISTS and setting in self._search.estimates() and (room or not finalists):
                finalists += [setting] if self._is_right(setting) else []
        self._best = best = self._search.best()
        if best != DEFAULT and not self._ledger.is_answered(best) and not self._is_right(best):
            self._best = next((one for one in finalists if one == self._search.best()), DEFAULT)
        scenario = self._measure.beside
        heat = (DEFAULT, *finalists[: self._width - 1])
        spare_ns = self._budget.left_ns - reserve.confirming_ns - len(heat) * self._budget.process_ns
        if scenario is not None and self._journal.number("beside", spare_ns > 0):
            self._listener.step(sentence("tune.step.beside", scenario=scenario.name))
            allowed_s = len(heat) * max(HANG_S, HANG * self._budget.process_ns / 1e9)
            found, _ = self._measured(heat, scenario, allowed_s)
            for setting, one in zip(heat, found, strict=True):
                if isinstance(one, Process):
                    self._ledger.beside(setting, one)

    def _confirm(self) -> End:
        self._listener.told(sentence("tune.confirming", setting=text_of(self._best)))
        suite, pairs = self._opened.bench.suite, JournalPairs(self._journal, text_of(self._best), self._budget)
        both = suite, with_setting(suite, self._best, self._opened.artifact.shapes)
        batch, metric = batch_of(self._best), self._measure.metric

        def now() -> ConfirmationLine:
            found = confirm(self._asked, both, batch, metric, self._out, self._budget.left_ns, self._listener, pairs)
            return ConfirmationLine(about=text_of(self._best), used_ns=self._budget.used_ns, confirmation=found)

        line = self._journal.line(ConfirmationLine, text_of(self._best), now)
        self._now(line.used_ns)
        self._confirmation = line.confirmation
        change = self._confirmation.change
        if change is None or not change.claimed:
            return "not_decided"
        if change.word in BETTER:
            return "found"
        return "not_decided" if change.word == "cannot_tell" else "default"

    # ------------------------------------------------------------------------------------------------------ the result

    def result(self, end: End) -> Tuning:
        """Everything that is known now."""
        if end == "interrupted" and self._confirmation is None:
            self._best = self._search.best()
        run, evidence, best = self._opened.run, self._opened.evidence, DEFAULT if end == "default" else self._best
        options, intent = {**run.target.options, **options_of(best)}, kind_of(self._measure.scenario).intent
        own = load(run.target.plugin).own_configuration(run.target.device.name, self._opened.artifact, options, intent)
        return Tuning(
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            version=__version__,
            goal=self._asked.goal,
            metric=self._measure.metric,
            scenario=self._measure.scenario.name,
            model=self._opened.artifact.model_id,
            target=run.target.id,
            device=known(evidence.checked).facts.device_name,
            fixed=dict(run.target.options),
            machine=dict(evidence.environment.host),
            tolerance=self._asked.tolerance,
            seed=self._asked.seed,
            budget_ns=self._asked.budget_ns,
            used_ns=self._budget.used_ns,
            search_ns=self._search_ns or self._budget.used_ns,
            space=self._space.size,
            drawn=self._drawn,
            tunables=self._space.tunables,
            axes=self._ledger.axes,
            tried=self._ledger.tried(self._search.estimates()),
            end=end,
            reason=self._reason(end),
            best=dict(best),
            shapes=dict(self._run(best).model.ask.shapes),
            confirmation=self._confirmation,
            own=own,
        )

    def _reason(self, end: End) -> Sentence:
        code = f"tune.end.{end}"
        change = None if self._confirmation is None else self._confirmation.change
        setting = text_of(self._best)
        if change is None or change.ratio is None or change.interval is None:
            code = f"tune.end.{end}.unmeasured"
            why = "" if self._confirmation is None else self._confirmation.reason
            return sentence(code, setting=setting, tried=len(self._search.estimates()), why=why)
        low, high = change.interval
        if end == "default" and change.word != "same":
            code = "tune.end.default.worse"
        if end == "not_decided" and not change.claimed:
            code = "tune.end.not_decided.unclaimed"
        figures = {"title": change.title, "ratio": change.ratio, "low": low, "high": high, "why": change.message}
        return sentence(code, setting=setting, **figures)


def tune(asked: Asked, out: Path, listener: TuneListener | None = None) -> Tuning:
    """Search within the budget; what an earlier search left in ``out`` is not measured again. After an interrupt the
    result says so. Raises ``OdbError`` where nothing could be measured, and ``KeyboardInterrupt`` where nothing was
    yet."""
    listener, budget, journal = listener or TuneListener(), Budget(asked.budget_ns), journal_in(out)
    with temporary_workspace() as workspace:
        bench = Bench(asked.catalog, asked.suite, workspace, asked.cache, asked.root)
        tuner = Tuner(asked, opened(asked, bench, listener.step), out, listener, budget, journal)
        try:
            return tuner.run()
        except KeyboardInterrupt:
            return tuner.result("interrupted")
