"""Language models side by side: speed, memory, cost of a token and agreement, one line a run."""

from collections.abc import Sequence

from bench.record.record import Record
from bench.record.text import Agreement, TextGeneration
from bench.reports.view.lm.tables import seconds
from bench.reports.view.rows import Cell, Numbered, Table, columns, out_of
from bench.reports.words.causes import DOUBTED, STATUS_SIGNS, Status, emulated, status
from bench.reports.words.figures import shown
from bench.reports.words.plans import ran_in
from bench.reports.words.scenarios import may_stop, scenario_short
from bench.words import say, units

_COLUMNS = (
    *("run", "model", "target", "ttft", "tpot", "peak_rss", "kv_cache"),
    *("token_cost", "tokens_equal", "equal_float32"),
)


def overview_table(items: Sequence[Numbered]) -> Table | None:
    """``None`` unless two runs or more were measured on devices; a single run has its own tables."""
    measured = [i for i in items if _text(i.record) is not None and not emulated(i.record)]
    if len(measured) < 2:
        return None
    caption, note = say("report.models.caption"), say("report.models.note")
    return Table(caption, columns(*_COLUMNS), tuple(_line(i) for i in measured), note)


def _text(record: Record) -> TextGeneration | None:
    return record.summary.text_generation if record.status == "ok" else None


def _line(item: Numbered) -> tuple[Cell, ...]:
    record = item.record
    text, plan = _text(record), record.plan
    assert text is not None
    ran = ran_in(plan.target)
    kv = text.kv_cache
    state = status(record)
    mark = f"{STATUS_SIGNS[state]} " if state in DOUBTED else ""
    return (
        Cell(str(item.number), state, run=item.number),
        Cell(
            item.name,
            notes=(
                units.clean(plan.model.precision or ""),
                scenario_short(plan.model.task, plan.scenario, may_stop(plan)),
            ),
        ),
        Cell(units.clean(plan.target.id), notes=(say("report.ran_in", precision=units.clean(ran)),) if ran else ()),
        Cell(f"{mark}{shown(record, 'ttft_ns')}"),
        Cell(f"{mark}{shown(record, 'tpot_ns')}", notes=_rate(record, state)),
        Cell(shown(record, "peak_rss_bytes"), notes=_weights(plan.model.weight_bytes)),
        Cell(units.MISSING if kv is None else units.size(kv.bytes_per_token), notes=_observed(text)),
        Cell(*_cost(text)),
        _agreement(text.agreement, "engine"),
        _agreement(text.agreement, "model"),
    )


def _weights(size: int | None) -> tuple[str, ...]:
    return () if size is None else (say("report.cost.weights", size=size),)


def _rate(record: Record, state: Status) -> tuple[str, ...]:
    rate = shown(record, "decode_tokens_per_s")
    return (rate,) if state == "valid" else (rate, Cell("", state).word)


def _observed(text: TextGeneration) -> tuple[str, ...]:
    kv = text.kv_cache
    if kv is None:
        return ()
    executed = kv.executed_bytes_per_token
    kept = (say("report.cache_as_kept", size=executed),) if executed not in (None, kv.bytes_per_token) else ()
    if kv.observed_bytes_per_token is None:
        return kept
    return (*kept, say("report.observed", size=kv.observed_bytes_per_token))


def _cost(text: TextGeneration) -> tuple[str]:
    spent = text.energy
    if spent is None:
        return (units.MISSING,)
    if spent.joules_per_generated_token is not None:
        return (units.joules(spent.joules_per_generated_token),)
    return (say("report.of_cpu", time=seconds(spent.cpu_seconds_per_generated_token)),)


def _agreement(found: Sequence[Agreement], of: str) -> Cell:
    one = next((a for a in found if a.of == of), None)
    if one is None or one.token_prefix is None:
        return Cell(units.MISSING)
    kl = one.kl_divergence_nats
    notes = () if kl is None else (f"KL {units.digits(kl)} nats",)
    return Cell(out_of(one.token_prefix, one.tokens_compared), notes=notes)
