"""The figure that sums up a run, in the words of its scenario: ``100 % of frames in time (99.3 % – 100 %)``."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from bench.record.record import Record
from bench.reports.words import figures
from bench.reports.words.ranking import figure_words
from bench.scenarios.kinds import samples_of
from bench.scenarios.lasting import lasting_of
from bench.scenarios.open_loops import bound_ns, bound_percentile
from bench.scenarios.text import users_of
from bench.words import say


def leading_words(record: Record) -> str:
    """What was measured, for a sentence that names the model, the scenario and the target itself."""
    return WORDS.get(record.plan.scenario.name, _plain)(record)


def _plain(record: Record) -> str:
    """The figure, with its name where the unit does not say what it is."""
    name = figures.leading(record)
    metric, value = figures.metrics()[name], figures.figure(record, name)
    return figures.shown(record, name) if value is None else figure_words(name, str(metric.title), metric.unit, value)


def _single_stream(record: Record) -> str:
    rate = figures.figure(record, "decode_tokens_per_s")
    if rate is None:
        return _plain(record)
    time = figures.shown(record, figures.P50)
    return say("report.leading.text", time=time, rate=figures.shown(record, "decode_tokens_per_s"))


def _multi_stream(record: Record) -> str:
    name = figures.leading(record)
    shown, percentile = figures.shown(record, name), figures.short_title(name)
    streams = samples_of(record.plan.scenario)
    return say("report.leading.multi_stream", figure=shown, percentile=percentile, streams=streams)


def _end_to_end(record: Record) -> str:
    return say("report.leading.end_to_end", figure=_shown(record))


def _server(record: Record) -> str:
    scenario = record.plan.scenario
    bound = {"bound_ns": bound_ns(scenario), "percentile": bound_percentile(scenario)}
    if figures.leading(record) == "in_time_fraction":
        return _bounded(record, say("report.leading.server", figure=_shown(record), **bound))
    return say("report.leading.server_searched", figure=_shown(record), **bound)


def _fixed_rate(record: Record) -> str:
    if figures.leading(record) != "in_time_fraction":
        return _plain(record)
    return _bounded(record, say("report.leading.fixed_rate", figure=_shown(record)))


def _wake(record: Record) -> str:
    idle_ns = 1e6 * max(record.plan.scenario.numbers("idle_ms"))
    said = say("report.leading.wake", figure=_shown(record), idle_ns=idle_ns)
    if figures.figure(record, "wake_ratio") is None:
        return said
    return say("report.leading.over_warm", said=said, ratio=figures.shown(record, "wake_ratio"))


def _batch(record: Record) -> str:
    if figures.leading(record) != "samples_per_s":
        return _plain(record)
    return say("report.leading.batch", figure=_shown(record), samples=samples_of(record.plan.scenario))


def _sustained(record: Record) -> str:
    if figures.leading(record) not in ("steady_rate_per_s", "steady_tokens_per_s"):
        return _plain(record)
    lasting = lasting_of(record.plan.scenario)
    asked = None if lasting is None else lasting.rate_per_s
    code = "report.leading.sustained" if asked is None else "report.leading.sustained_rate"
    said = [say(code, figure=_shown(record), rate=None if asked is None else f"{asked:g}")]
    if figures.figure(record, "retained_fraction") is not None:
        said.append(say("report.leading.retained", figure=figures.shown(record, "retained_fraction")))
    if figures.figure(record, "time_to_throttle_ns") is not None:
        said.append(say("report.leading.throttled", figure=figures.shown(record, "time_to_throttle_ns")))
    return say("report.parts", parts=said)


def _chat(record: Record) -> str:
    if figures.leading(record) != "ttft_last_turn_ns":
        return _plain(record)
    return say("report.leading.chat", figure=_shown(record), tpot=figures.shown(record, "tpot_ns"))


def _concurrent(record: Record) -> str:
    if figures.leading(record) != "tokens_per_s":
        return _plain(record)
    return say("report.leading.concurrent", figure=_shown(record), users=users_of(record.plan.scenario))


def _shown(record: Record) -> str:
    return figures.shown(record, figures.leading(record))


def _bounded(record: Record, said: str) -> str:
    """With the interval, where the figure has one."""
    bounds = figures.between(record, figures.leading(record))
    return say("report.with_figure", said=said, figure=bounds) if bounds else said


WORDS: Mapping[str, Callable[[Record], str]] = MappingProxyType(
    {
        "single-stream": _single_stream,
        "offline": _plain,
        "multi-stream": _multi_stream,
        "end-to-end": _end_to_end,
        "server": _server,
        "fixed-rate": _fixed_rate,
        "wake": _wake,
        "batch": _batch,
        "sustained": _sustained,
        "chat": _chat,
        "concurrent": _concurrent,
    }
)
"""One for each kind in ``bench.scenarios.kinds``."""
