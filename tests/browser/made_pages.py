"""The HTML pages of made records, one of each kind, for the tests that open them in a browser."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from made_dossiers import FORM, LIVED, LIVED_MODELS, LIVED_TARGETS, lived_runs, runs
from made_dossiers import data as dossier_data
from made_trends import made_trend
from msgspec.structs import replace
from report_parts import HTP, MOBILENET, MS, OPENVINO, record
from report_runs import emulated, failed, hostile, invalid, judged, offline, skipped, text, vision

from bench.comparison.comparison import compare
from bench.comparison.folders import Findings, Problem
from bench.comparison.matching import Unmatched
from bench.record.quality import DatasetFacts, Quality, QualityMetric
from bench.record.record import (
    Failure,
    Fidelity,
    OutputFidelity,
    PlacementSummary,
    Reason,
    Record,
    RecordedRun,
    Verdict,
)
from bench.record.refused import RefusedRecord
from bench.record.summary import LatencyNs, Summary
from bench.reports.comparisons import html as comparison_page
from bench.reports.dossiers.html import HtmlDossier
from bench.reports.runs.html import HtmlReport
from bench.reports.trends.site import overview, series_page
from bench.submission.dossier.data import DossierData
from bench.testing.records import MODEL, TARGET, fake_run
from bench.words import languages, speaking

KOREAN = "드론 영상 객체 탐지 모델 (양자화 8비트, 보정 사진 오백 장)"
UNBROKEN = "detector_with_a_name_of_many_parts_that_no_space_parts_" * 3
HANGUL = "가나다라마바사아자차카타파하" * 8
HOSTILE = '"><script>alert(1)</script><a href="https://example.com/" onclick="alert(2)">'
ODD_NAMES = (KOREAN, UNBROKEN, HANGUL, HOSTILE)
LONG_OPTIONS = {
    "offload_graph_io_quantization": "0",
    "qnn_context_priority_with_a_long_name": "a_value_of_many_parts_" * 4,
}
WRONG = Verdict(
    False,
    True,
    (Reason("output_mismatch", "Cosine 0.707803 of output boxes is below 0.99.", "Give real inputs with --input."),),
)


def every_kind() -> tuple[RecordedRun, ...]:
    """Valid, invalid, skipped, failed, text, offline, judged and emulated runs."""
    lossy, faithful = judged(vision("v2", OPENVINO, 3 * MS), lost=True), judged(emulated(), lost=False)
    return (vision(), lossy, invalid(), skipped(), failed(), text(), offline(), faithful)


def named(name: str, base: RecordedRun, record_id: str) -> RecordedRun:
    """The run with ``name`` for model, device and file, and in its messages, reasons and log."""
    plan = base.record.plan
    model = replace(plan.model, id=name)
    target = replace(plan.target, device_name=name, options_requested={name: name}, options_effective={name: name})
    old = base.record.verdict
    reasons = (*(old.reasons if old else ()), Reason("host_busy", f"{name}: busy.", f"End {name}.", invalidates=False))
    made: Record = replace(
        base.record,
        record_id=record_id,
        plan=replace(plan, model=model, target=target, command=f"odb run -m '{name}.onnx' -t {target.id}"),
        verdict=replace(old, reasons=reasons) if old else None,
        log_tail=(name, name * 2),
    )
    return replace(base, record=made)


def odd_names() -> list[RecordedRun]:
    """Names that are long, Korean, hostile, or made of markup in every field."""
    measured, placed, no_compile, generated = vision(), judged(emulated(), lost=False), failed(), text()
    kinds = {
        KOREAN: (measured, generated),
        UNBROKEN: (measured, placed, no_compile, generated),
        HANGUL: (placed, generated),
        HOSTILE: (placed, no_compile),
    }
    named_runs = [
        named(name, kind, f"n{index}-{i}")
        for index, (name, chosen) in enumerate(kinds.items())
        for i, kind in enumerate(chosen)
    ]
    return [hostile(), *named_runs]


def sweep() -> list[RecordedRun]:
    """Nine SoCs of one emulated model with long options; the outputs on one of them are wrong."""
    found = []
    for n in range(9):
        chip = f"Chip {n} HTP v73, emulated on a PC"
        target = replace(HTP, device_name=chip, options_requested={**LONG_OPTIONS, "soc": str(n)})
        made = record(
            f"soc{n}",
            MOBILENET,
            target,
            summary=Summary(latency_ns=LatencyNs(n=3, mean=5 * MS, min=MS, max=9 * MS)),
            placement=PlacementSummary("HTP", {"HTP": 118}, source="graph assignment"),
            fidelity=Fidelity("ort:cpu float32, unoptimised", ok=n != 2),
            verdict=WRONG if n == 2 else Verdict(True, True),
        )
        found.append(RecordedRun(made, {}))
    return found


def two_folders() -> list[RecordedRun]:
    """Submissions of two, one with forty options of the runtime."""
    many = {f"A_{i}_RUNTIME_OPTION_OF_A_LONG_NAME": "SOME_VALUE_OF_THE_RUNTIME" for i in range(40)}
    first = replace(vision("a", replace(OPENVINO, options_effective=many)), folder="startup-a")
    return [first, replace(vision("b"), folder="another-startup-of-a-long-name")]


def reports() -> dict[str, bytes]:
    """Pages of runs by name."""
    refused = RefusedRecord("20260504T101112123Z-mobilenet-openvino-CPU-4f1a2b", "record.json: its content differs")
    return {
        "every kind": HtmlReport().render(every_kind()),
        "odd names": HtmlReport().render(odd_names()),
        "sweep": HtmlReport().render(sweep()),
        "folders": HtmlReport([refused]).render(two_folders()),
        "one run": HtmlReport().render([vision()]),
        "all failed": HtmlReport().render([failed(), skipped()]),
        "no records": HtmlReport([refused]).render([]),
    }


def side(name: str, ms: float, **plan: Any) -> RecordedRun:
    """Five processes half a per cent apart, with a peak of memory."""
    latency = [np.full(20, round(ms * MS * (1 + 0.005 * i))) for i in range(5)]
    return fake_run(name, latency, figures=[{"peak_rss_bytes": 1e8 + 1e4 * i} for i in range(5)], **plan)


def words_of(name: str, ms: float) -> RecordedRun:
    tokens = [np.tile(7 * MS + round(ms * MS) * np.arange(5), (6, 1)) + i for i in range(3)]
    return fake_run(name, [array[:, -1] for array in tokens], tokens)


def answered(name: str, right: int) -> RecordedRun:
    """A classifier that was ``right`` on so many of a thousand photographs, the first ones."""
    run = side(name, 4.0)
    facts = DatasetFacts("photos", "classification", "d" * 64, 1000)
    metric = QualityMetric("top1", right / 1000, None, 1000, True, "mean", "share")
    quality = Quality(facts, "f" * 64, "null:cpu", metrics=(metric,), samples={"top1": "quality_top1"})
    results = (np.arange(1000) < right).astype(np.int8)
    return replace(run, record=replace(run.record, quality=quality), samples={**run.samples, "quality_top1": results})


def rechecked(name: str, cosine: float, model: str) -> RecordedRun:
    outputs = (OutputFidelity("y", cosine, 40.0, 0.0123, 1.0),)
    fidelity = Fidelity("ort:cpu", 1, cosine, ok=True, outputs=outputs)
    run = fake_run(
        name,
        [np.full(3, MS)],
        target=replace(TARGET, emulated=True, options_requested=LONG_OPTIONS),
        model=replace(MODEL, id=model),
    )
    placement = PlacementSummary("HTP", {"HTP": 10, "CPU": 1}, fallback=("Div a",))
    return replace(run, record=replace(run.record, placement=placement, fidelity=fidelity))


def comparisons() -> dict[str, bytes]:
    """Pages of comparisons by name."""
    other_rule = side("n", 4.2)
    strict = replace(other_rule.record, plan=replace(other_rule.record.plan, preset="strict"))
    failure = Failure("compile", "crashed", "the compiler crashed", "Report it.")
    no_longer = replace(other_rule.record, status="failed", failure=failure)
    odd: Sequence[str] = (KOREAN, UNBROKEN, HANGUL, HOSTILE)
    pairs = [
        compare(side("b", 4.0), side("n", 4.2)),
        compare(side("b", 4.0), side("n", 4.0)),
        compare(side("b", 4.0), replace(other_rule, record=strict)),
        compare(side("b", 4.0), replace(other_rule, record=no_longer)),
        compare(words_of("b", 2.0), words_of("n", 3.0)),
        compare(answered("b", 700), answered("n", 640)),
        compare(rechecked("b", 0.998, "net"), rechecked("n", 0.98, "net")),
        *(compare(*(side(n, ms, model=replace(MODEL, id=name)) for n, ms in (("b", 4.0), ("n", 3.0)))) for name in odd),
    ]
    unmatched = tuple(Unmatched("new", f"r{i}", name, "a:cpu", "offline", "no record") for i, name in enumerate(odd))
    problems = tuple(Problem(f"{name}/record.json: not JSON", "Run again.") for name in odd)
    pages = {
        "pairs": Findings(0.03, tuple(pairs), unmatched, problems),
        "one pair": Findings(0.03, (pairs[0],)),
        "one pair of a long name": Findings(0.03, (pairs[-3],)),
        "one pair of an emulator": Findings(0.03, (pairs[6],)),
        "no pair": Findings(0.03, (), unmatched),
    }
    return {f"comparison, {name}": comparison_page.render(found) for name, found in pages.items()}


def made_dossier() -> DossierData:
    """Criteria that end in every way, some of real use, one with names that are long, Korean and made of markup."""
    odd = [replace(FORM.criteria[0], id=f"odd-{n}", title=name, method=name) for n, name in enumerate(ODD_NAMES)]
    form = replace(
        FORM,
        models=FORM.models + LIVED_MODELS,
        targets=FORM.targets + LIVED_TARGETS,
        criteria=(*FORM.criteria, *LIVED, *odd),
    )
    return dossier_data(form, [*runs(), *lived_runs()])


REPORTS = ("every kind", "odd names", "sweep", "folders", "one run", "all failed", "no records")
COMPARISONS = ("pairs", "one pair", "one pair of a long name", "one pair of an emulator", "no pair")
DOSSIER = "dossier"
SITE = ("trends", "trend")
NAMES = (*REPORTS, *(f"comparison, {name}" for name in COMPARISONS), DOSSIER, *SITE)
"""The names of the pages, so that tests are parametrised without making them."""
TRANSLATED = ("every kind", "folders", "comparison, pairs", *SITE)
"""Those that are opened in every language: what the others add are names, which no language changes."""
IN_LANGUAGES = [
    *((name, "en") for name in NAMES if name != DOSSIER),
    *((name, language) for language in sorted({*languages()} - {"en"}) for name in TRANSLATED),
    (DOSSIER, "ko"),
]
"""The dossier is the Korean form's: it is opened as that."""


def pages(language: str = "en") -> dict[str, bytes]:
    """Every page, its bytes as a writer gives them in that language, by its name in ``NAMES``."""
    with speaking(language):
        return {**reports(), **comparisons(), DOSSIER: HtmlDossier().render(made_dossier()), **site()}


def site() -> dict[str, bytes]:
    """A history of models with names of every kind: its overview, and the page of one of them."""
    names = ("net", KOREAN, UNBROKEN)
    made = [series_page(made_trend(name, 40)) for name in names]
    return {"trends": overview([page.line for page in made], "2026-05-04"), "trend": made[1].data}
