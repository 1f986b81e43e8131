"""What a pipeline's time is made of, in sentences for the first screen."""

from collections.abc import Sequence

from bench.contracts import STAGES
from bench.record.record import Record
from bench.reports.view.rows import Numbered
from bench.reports.view.sentences import Sentence
from bench.reports.words import figures
from bench.reports.words.causes import DOUBTED, status
from bench.words import say, units

AROUND = tuple(name for name in STAGES if name != "infer")


def pipeline_sentences(items: Sequence[Numbered]) -> list[Sentence]:
    """One for each run that has a pipeline and is not in doubt: how much of the time the network has."""
    return [_told(item) for item in items if is_shown(item.record)]


def is_shown(record: Record) -> bool:
    known = figures.figure(record, "network_fraction") is not None
    return record.status == "ok" and status(record) not in DOUBTED and known


def _told(item: Numbered) -> Sentence:
    record = item.record
    strong = say(
        "report.pipeline.lead",
        about=say("report.model_on", model=item.name, place=item.place),
        fraction=figures.figure(record, "network_fraction"),
        whole=figures.shown(record, figures.leading(record)),
        inputs=record.plan.pipeline.inputs if record.plan.pipeline is not None else 1,
    )
    between = figures.between(record, "network_fraction")
    within = [say("report.pipeline.within", bounds=between)] if between else []
    return Sentence(
        strong, " ".join([*within, say("report.pipeline.rest", parts=_parts(record)), *_rates(record)]), "plain"
    )


def _parts(record: Record) -> list[str]:
    """``decode 2.01 ms``, of the stages around the network that have a median."""
    known = [name for name in AROUND if figures.figure(record, f"stage_{name}_ns") is not None]
    return [
        say("report.pipeline.part", stage=say(f"report.stage.{name}"), time=figures.shown(record, f"stage_{name}_ns"))
        for name in known
    ]


def _rates(record: Record) -> list[str]:
    """How many a second: the network alone, all stages one after another, and overlapped."""
    alone, each = figures.figure(record, "network_alone_ns"), figures.figure(record, "throughput_per_s")
    overlapped = figures.figure(record, "overlapped_per_s")
    if not alone or each is None or overlapped is None:
        return []
    rates = (1e9 / alone, each, overlapped)
    names = ("network", "whole", "overlapped")
    return [say("report.pipeline.rates", **{n: units.digits(rate) for n, rate in zip(names, rates, strict=True)})]
