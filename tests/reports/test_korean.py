"""A report in Korean has no English sentence of its own: only names, codes, commands and units."""

import html
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import pytest
from msgspec import Struct
from msgspec.structs import replace
from report_parts import HTP, MS, OPENVINO, ORT
from report_runs import emulated, failed, invalid, judged, offline, skipped, text, vision
from whole_records import offline as whole_offline
from whole_records import tensors as whole_tensors
from whole_records import text as whole_text

import bench
from bench.analysis.memory import PHASES as MEMORY_PHASES
from bench.analysis.metrics import METRICS
from bench.analysis.verdict.codes import CODES
from bench.contracts import Scenario
from bench.errors import RunFailure
from bench.machine.sensors.hwmon import Domain
from bench.record.evidence import OTHER_SIDE, RepeatRule, RepeatsEnded, Variance
from bench.record.inputs import FedInput, InputFacts
from bench.record.part import Correction
from bench.record.quality import DatasetTask, Word
from bench.record.record import Failure, Fidelity, Reason, Record, RecordedRun, Verdict
from bench.record.refused import RefusedRecord
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.markdown import MarkdownReport
from bench.reports.runs.terminal import TerminalReport
from bench.reports.view.tables import PHASES
from bench.reports.words.causes import STATUS_SIGNS
from bench.scenarios.kinds import CACHES
from bench.words import Sentence, current, speaking

PROSE = frozenset({"message", "remedy", "sentence", "advice", "reason", "rule", "reference", "source", "preprocessing"})
"""Fields that hold words of the engine, a target or a plugin; also the values of ``unavailable`` and of fed inputs."""

ENGLISH = re.compile(r"(?<![\w:./=-])[A-Za-z]{2,}(?:[ \u00a0]+[A-Za-z]{2,})+(?![\w=]|:\w)")
"""Two English words or more, one after another."""

NAMES = (
    *("Snapdragon X Elite", "Core Ultra", "Chip one HTP", "Chip two HTP", "Intel Core Ultra"),
    *("an OS", "Gemm fc", "hwmon vdd", "odb compare", "net.onnx on ort:cpu"),
)
"""What is called so in every language: devices, systems, nodes, channels, files and commands."""

FLOAT = replace(OPENVINO, executed_precision="float32")


def engine_told(value: Any, name: str = "") -> Any:
    """``value`` with the engine's own sentences in Korean: they are the engine's to say, in its own tests."""
    if isinstance(value, Sentence) or (isinstance(value, str) and name in PROSE and " " in value):
        return "엔진의 문장."
    if isinstance(value, Struct):
        inside = fields(value)
        if isinstance(value, InputFacts):  # its source is a stable name, which the report has words for
            inside = {f: v for f, v in inside.items() if f != "source"}
        return replace(value, **{f: engine_told(v, f) for f, v in inside.items()})
    if isinstance(value, tuple):
        return tuple(engine_told(one, name) for one in value)
    if isinstance(value, Mapping) and name == "unavailable":
        return dict.fromkeys(value, "엔진의 사유")
    return value


def fields(value: Struct) -> Mapping[str, Any]:
    return {f: getattr(value, f) for f in value.__struct_fields__}


def graded(run: RecordedRun, lost: bool) -> RecordedRun:
    """``judged``, of a record from before results of single samples were kept."""
    quality = judged(run, lost).record.quality
    assert quality is not None
    return replace(run, record=replace(run.record, quality=replace(quality, samples={})))


def told(run: RecordedRun, **changes: Any) -> RecordedRun:
    record: Record = engine_told(replace(run.record, **changes))
    return replace(run, record=record)


def reasons(*codes: str, invalid: bool = True) -> tuple[Reason, ...]:
    return tuple(Reason(code, "엔진의 문장.", "엔진의 조치.", invalid) for code in codes)


def chip(name: str, **changes: Any) -> RecordedRun:
    """A run on an emulated chip of that name."""
    run: RecordedRun = emulated()
    target = replace(HTP, device_name=f"Chip {name} HTP v73", options_requested={"soc_model": name})
    return told(run, plan=replace(run.record.plan, target=target), **changes)


def with_plan(run: RecordedRun, **changes: Any) -> RecordedRun:
    return told(run, plan=replace(run.record.plan, **changes))


def every_kind() -> list[RecordedRun]:
    """Valid, invalid, wrong, edited, emulated, failed, skipped, text, quality, offline and multi-stream runs."""
    wrong = Fidelity("기준", inputs=2, cosine_min=0.7, ok=False, inputs_source="seeded", by_degree=True)
    fed = tuple(FedInput(name, "int64", name, "", True) for name in ("seeded", "image", "file"))
    inputs = InputFacts("partly seeded", "51ab" * 16, {"seeded": (1,), "image": (1, 3), "file": ()}, fed=fed)
    corrections = (Correction("summary.latency_ns.p50", "1.00 ms", "4.15 ms", True),)
    emulator = {"status": "failed", "failure": Failure("first_inference", "timeout", "엔진의 문장.", "")}
    edited = told(vision("x1"), verdict=Verdict(False, False, reasons("record_edited")))
    ended = {"repeat_rule": RepeatRule(3, 9, 10**9), "strict_placement": True}
    spread = replace(vision().record.summary, variance=Variance(3, 0.01, 0.004, 0.03, 28))
    return [
        told(vision(), summary=spread),
        told(graded(vision("v2", FLOAT, 3 * MS), lost=True)),
        told(graded(vision("v3", ORT, 3 * MS), lost=False), fidelity=wrong),
        told(vision("w1"), fidelity=wrong, verdict=Verdict(False, False, reasons("output_mismatch", "host_busy"))),
        told(invalid()),
        *map(told, (skipped(), failed(), text(), offline(), whole_tensors(), whole_text(), whole_offline())),
        replace(edited, corrections=corrections),
        with_plan(vision("i1"), inputs=inputs, **ended),
        with_plan(vision("m1"), scenario=Scenario("multi-stream", parameters={"streams": 8}, compile_cache="warm")),
        told(graded(emulated(), lost=False)),
        chip("one", verdict=Verdict(False, True, reasons("output_mismatch"))),
        chip("two", **emulator),
        told(text(), summary=replace(text().record.summary, text_generation=None), verdict=None),
    ]


REFUSED = [RefusedRecord("20260504T101112123Z-x", "엔진의 문장.", "엔진의 조치.", "폴더")]


@cache
def sets() -> Mapping[str, tuple[list[RecordedRun], list[RefusedRecord]]]:
    """Runs and refused records of each page."""
    one, two = told(vision()), told(vision("v2", FLOAT))
    return MappingProxyType(
        {
            "every kind": (every_kind(), REFUSED),
            "valid": ([one, two], []),
            "again": ([one, told(vision("v9"), created_utc="2026-05-05T10:11:12Z")], []),
            "one process": ([told(vision(), repeats=vision().record.repeats[:1])], []),
            "failed": ([told(failed()), told(skipped())], []),
            "skipped": ([told(skipped())], []),
            "folders": ([replace(one, folder="하나"), replace(two, folder="둘")], REFUSED),
            "chips": ([chip("one"), chip("two")], []),
            "refused": ([], REFUSED),
            "nothing": ([], []),
        }
    )


def read_page(page: str) -> str:
    """The text of a page, one element a line, with what is read out and shown for a narrow screen; without code and
    drawings."""
    for element in ("style", "code", "pre", "kbd", "figure"):
        page = re.sub(rf"<{element}\b.*?</{element}>", "\n", page, flags=re.DOTALL)
    spoken = re.findall(r'(?:aria-label|title|data-target)="([^"]*)"', page)
    return html.unescape("\n".join([*spoken, re.sub(r"</?(?:wbr|span class=\"whole\"|b|strong)>|<[^>]+>", "\n", page)]))


def read_markdown(text: str) -> str:
    """Without indented code, one cell a line."""
    lines = [line for line in text.splitlines() if not line.startswith("    ")]
    return html.unescape(re.sub(r"\\|\*\*|~~", "", "\n".join(lines)).replace("<br>", "\n").replace(" | ", "\n"))


def english(text: str) -> list[str]:
    """Runs of English words that are no names."""
    titles = [said for metric in METRICS for said in (str(metric.title), str(metric.rule.how))]
    names = {*NAMES, *titles, *(title.capitalize() for title in titles)}
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "–").replace(name.replace(" ", "\u00a0"), "–")
    return sorted({found[0] for found in ENGLISH.finditer(text)})


@pytest.mark.parametrize("name", sets())
@pytest.mark.parametrize("form", ["html", "md", "terminal"])
def test_a_korean_report_has_no_english_sentence(form: str, name: str) -> None:
    """Whatever kinds of runs are in it."""
    runs, refused = sets()[name]
    with speaking("ko"):
        if form == "html":
            said = read_page(HtmlReport(refused).render(runs).decode())
        elif form == "md":
            said = read_markdown(MarkdownReport(refused).render(runs).decode())
        else:
            said = TerminalReport(width=4000, refused=refused).render(runs).decode()
            said = re.sub(r"  +", "\n", said)
    assert re.search("[가-힣]{2}", said)
    assert [] == english(said)


def test_english_would_be_seen() -> None:
    """The same reader finds English in an English page."""
    assert "Nothing measured" in english(read_page(HtmlReport().render([told(skipped())]).decode()))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_page_names_its_language(language: str) -> None:
    """Browsers and screen readers choose the font and the voice by it."""
    with speaking(language):
        assert f'<html lang="{language}">'.encode() in HtmlReport().render([])


ANNOUNCED = {
    phase
    for file in Path(bench.__file__).parent.rglob("*.py")
    for phase in re.findall(r'\bannounce\("([a-z_]+)"\)', file.read_text(encoding="utf-8"))
}
"""The phases that workers announce; a failed run's record names the one that it failed in."""

FAMILIES: Mapping[str, Iterable[str]] = MappingProxyType(
    {
        "report.status": STATUS_SIGNS,
        "report.cause": CODES,
        "report.failure": re.findall("``([a-z_]+)``", (RunFailure.__doc__ or "").partition("``phase``")[0])[1:],
        "report.domain": {*get_args(Domain), "battery"},
        "report.dataset_task": get_args(DatasetTask),
        "report.pair": get_args(Word),
        "report.repeats_ended": set(get_args(RepeatsEnded)) - {"fixed"},
        "report.compile_cache": set(CACHES) - {"none"},
        "report.phase": {*PHASES, *MEMORY_PHASES, *ANNOUNCED, "plan", OTHER_SIDE},
    }
)
"""Family of entries -> the stable names that a record may hold."""


@pytest.mark.parametrize("family", FAMILIES)
def test_every_stable_name_has_words(family: str) -> None:
    """One without words would be shown as it is."""
    assert len(list(FAMILIES[family])) > 1
    assert [] == [name for name in FAMILIES[family] if current().template(f"{family}.{name}") is None]


@pytest.mark.parametrize("render", [HtmlReport, MarkdownReport])
def test_an_emulated_chip_is_named_in_korean(render: Any) -> None:
    """Also what it was emulated on; the name that an older record holds as text is shown as it is."""
    name = "Snapdragon X Elite (SC8380XP) HTP v73(Core Ultra 7 155H에서 에뮬레이션)"
    old = "Chip one HTP v73, emulated on a PC"
    run = emulated()
    before = told(run, plan=replace(run.record.plan, target=replace(HTP, device_name=old)))
    with speaking("ko"):
        page = " ".join(render().render([run, before]).decode().split())
    squeezed = page.replace(" ", "").replace("\\", "")
    assert (True, True) == (name.replace(" ", "") in squeezed, old.replace(" ", "") in squeezed)


def test_a_failure_is_named_in_words() -> None:
    """Kind and phase, also the phase in a sentence of an older record, which holds its code."""
    stated = Sentence("run.runtime_crashed", {"name": "SIGSEGV", "phase": "first_inference"})
    run = replace(failed(), record=replace(failed().record, failure=Failure("first_inference", "crashed", stated, "")))
    with speaking("ko"):
        text = TerminalReport(width=200).render([run]).decode()
    assert "종류: 비정상 종료\n    단계: 첫 추론\n" in text
    assert "첫 추론 단계에서 런타임이 SIGSEGV로 비정상 종료되었습니다" in text
