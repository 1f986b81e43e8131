"""What CI systems get of a gate: each writer read by the parser of its consumer, and by eye where there is none."""

import re
from typing import Any

import msgspec
import pytest
from junitparser import Error, Failure, JUnitXml, Properties, Skipped

from bench.gate.finding import (
    Calibration,
    Confirmation,
    Drift,
    Gate,
    MachineShift,
    MetricFinding,
    SeriesFinding,
    Stated,
    Word,
)
from bench.nights.events import Event
from bench.nights.series import Series
from bench.reports.gates import words
from bench.reports.gates.annotations import MOST, GithubAnnotations
from bench.reports.gates.junit import JunitGate
from bench.reports.gates.markdown import MarkdownGate
from bench.reports.gates.terminal import TerminalGate
from bench.words import speaking

QUIET = Calibration(nights=12, deviation=0.01, margin=0.03, smallest_change=0.04)
EVENT = Event("runtime openvino", "2026.3", "2026.4", "new", "2026-05-04T10:11:12+00:00")
WORDS: tuple[Word, ...] = words.ORDER


def metric(word: Any = "worse", change: float = 0.1, name: str = "latency_p50_ns") -> MetricFinding:
    interval = (change - 0.02, change + 0.02)
    return MetricFinding(
        metric=name,
        word=word,
        base=4e6,
        new=4e6 * (1 + change),
        change=change,
        interval=interval,
        p_corrected=0.001,
        calibration=QUIET,
    )


def finding(word: Word, model: str = "net", **parts: Any) -> SeriesFinding:
    series = Series(model=model, target="ort:cpu", scenario="single-stream", machine="a processor")
    fields = {"record_id": "new", "base_id": "base", "leading": "latency_p50_ns", "metrics": (metric(),), **parts}
    return SeriesFinding(series=series, word=word, **fields)


def gate(*findings: SeriesFinding, **parts: Any) -> Gate:
    return Gate(created_utc="2026-05-04T10:11:12+00:00", findings=findings, **parts)


def junit(found: Gate) -> bytes:
    return JunitGate().render(found, {"new": "night/new/record.json"})


def markdown(found: Gate) -> bytes:
    return MarkdownGate().render(found, {})


def test_junit_tells_worse_from_broken_and_from_not_measurable() -> None:
    xml = JUnitXml.fromstring(junit(gate(*(finding(word, model=word) for word in WORDS))))
    assert (xml.tests, xml.failures, xml.errors, xml.skipped) == (14, 3, 2, 7)
    (suite,) = list(xml)
    assert suite.name == "a processor"
    results = {case.name.split()[0]: [type(result) for result in case.result] for case in suite}
    assert [word for word, found in results.items() if found == [Failure]] == ["worse", "drifting", "wrong"]
    assert [word for word, found in results.items() if found == [Error]] == ["broken", "dead"]
    assert [word for word, found in results.items() if not found] == ["better", "same"]
    assert all(results[word] == [Skipped] for word in ("suspect", "machine", "invalid", "missing", "new"))


def test_junit_has_the_figures_as_properties() -> None:
    (suite,) = list(JUnitXml.fromstring(junit(gate(finding("worse")))))
    (case,) = list(suite)
    properties = {one.name: one.value for one in case.child(Properties)}
    assert properties["latency_p50_ns"] == "4400000.0"
    assert properties["latency_p50_ns.change_ci95"] == "0.08 0.12000000000000001"
    assert (properties["record"], properties["base"]) == ("new", "base")
    assert "latency p50 4.00 ms → 4.40 ms: +10.0 % (95 % interval +8.0 % to +12.0 %)" in case.result[0].message


def test_junit_of_hostile_names_is_well_formed() -> None:
    """Control characters are not allowed in XML, not even escaped."""
    hostile = finding("worse", model='<a b="&]]>\x00\x1b[31m\ufffe\n모델')
    (suite,) = list(JUnitXml.fromstring(junit(gate(hostile, unreadable=("<x>&\x07",)))))[:1]
    (case,) = list(suite)
    assert "모델" in case.name


def test_markdown_shows_what_is_worse_first_and_the_stated_rate_last() -> None:
    worse = finding(
        "worse",
        confirmation=Confirmation(how="alternating", confirmed=True, began_utc="2026-05-04T11:00:00+00:00"),
        events=(EVENT,),
    )
    drift = Drift(metric="latency_p50_ns", since="r", night="2026-04-20", change=0.06, p_value=0.001)
    found = gate(
        finding("same", model="calm"),
        worse,
        finding("drifting", model="slow", drift=drift),
        finding("invalid", model="busy", metrics=()),
        status=1,
        stated=Stated(nights=60, false_alarms=0, rate_at_most=0.049, smallest_change=0.04),
    )
    text = markdown(found).decode()
    lines = text.splitlines()
    assert lines[0].startswith("## ❌ ")
    assert "| net · ort:cpu · single-stream | latency p50 | 4.00 ms | 4.40 ms | +10.0 % (+8.0 % to +12.0 %) |" in text
    assert "confirmed in a new session, in alternation with the base" in text
    assert "changed since the base: runtime openvino 2026.3 → 2026.4" in text
    assert "since 2026-04-20, +6.0 %" in text
    assert "0 of 60 quiet nights" in lines[-1]
    assert "4.9 %" in lines[-1]
    assert text.index("net") < text.index("busy")
    assert "calm" not in text


def test_markdown_of_hostile_names_is_no_markup() -> None:
    text = markdown(gate(finding("worse", model="<script>|[x](http://y)`"))).decode()
    assert "<script>" not in text
    assert re.search(r"(?<!\\)\|\[x\]", text) is None


def test_markdown_says_that_the_machine_changed() -> None:
    shift = MachineShift(machine="a processor", change=0.08, moved=12, series=12, changed=(EVENT,))
    text = markdown(gate(finding("machine"), machines=(shift,), status=3)).decode()
    assert "12 of 12 series on a processor moved together by +8.0 %" in text
    warmer = MachineShift(machine="", change=0.08, moved=5, series=6, conditions={"temperature_celsius": (50.0, 80.0)})
    assert "temperature_celsius 50.0 → 80.0" in words.machine(warmer)


def test_annotations_are_escaped_as_the_runner_decodes_them() -> None:
    worse = finding("worse", model="a,b:c%")
    (line,) = GithubAnnotations().render(gate(worse), {"new": "results/new/record.json"}).decode().splitlines()
    head, message = re.fullmatch(r"::error ([^:]*)::(.*)", line).groups()  # type: ignore[union-attr]
    properties = dict(part.split("=", 1) for part in head.split(","))
    assert properties["file"] == "results/new/record.json"
    assert properties["title"].startswith("a%2Cb%3Ac%25")
    assert "+10.0 %25" in message


def test_annotations_stay_within_what_is_shown() -> None:
    many = [finding("worse", model=f"net{number}") for number in range(14)]
    lines = GithubAnnotations().render(gate(*many), {}).decode().splitlines()
    assert len(lines) == MOST + 1
    assert "4 more" in lines[-1]
    assert lines[0].startswith("::error title=net0")


@pytest.mark.parametrize("writer", [junit, markdown])
def test_writers_speak_korean(writer: Any) -> None:
    """No word of English that is not a name."""
    with speaking("ko"):
        text = writer(gate(*(finding(word, model="모델") for word in WORDS), status=1)).decode()
    assert "악화" in text
    assert "worse" not in re.sub(r'type="[a-z_]+"', "", text)


def test_every_word_has_an_outcome() -> None:
    assert set(words.OUTCOMES) == set(Word.__args__)  # type: ignore[attr-defined]


def on(device: str, word: Word) -> SeriesFinding:
    made = finding(word)
    return msgspec.structs.replace(made, series=msgspec.structs.replace(made.series, device=device))


@pytest.mark.parametrize(
    ("findings", "told", "not_told"),
    [
        ([on("board-1", "invalid")], ["On board-1: odb fleet run … --where device=board-1 ;"], ["odb run …"]),
        ([on("a", "invalid"), on("b", "invalid")], ["On a and b: odb fleet run …", "device=DEVICE"], ["odb run …"]),
        ([on("a", "suspect"), finding("suspect")], ["On a: measure again with odb fleet run …", "--confirm"], []),
        ([on("a", "dead")], ["odb fleet status"], []),
        ([finding("invalid")], ["odb run …"], ["odb fleet"]),
        ([on("a", "broken")], ["odb report RECORD"], []),
    ],
)
def test_what_a_device_of_a_rack_measured_is_measured_again_there(
    findings: list[SeriesFinding], told: list[str], not_told: list[str]
) -> None:
    """And not on the machine that asks."""
    text = " ".join(TerminalGate(200).render(gate(*findings), {}).decode().split())
    assert [] == [one for one in told if one not in text], text
    assert [] == [one for one in not_told if one in text], text
