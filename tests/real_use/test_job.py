"""A device in real use, as its user asks about it: a camera, minutes of work, a server, and photographs through whole
pipelines. Each leading figure is computed again from the arrays of the record, and stands in the file and on the page.

Nothing is said of speed or validity: on a busy machine the runs are not valid, and their figures are still those of the
arrays."""

import html
import json
import math
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from msgspec.structs import replace
from odb_terminal import USER, Outcome, Terminal, flags

from bench.record.record import RecordedRun, Verdict
from bench.reports.runs.html import HtmlReport
from bench.words import units

pytestmark = [pytest.mark.real, pytest.mark.process, pytest.mark.long]

MS, SECOND, MINUTE = 1_000_000, 1_000_000_000, 60_000_000_000
SCENARIOS = ("fixed-rate:rate=30", "sustained:minutes=2", "server:rate=auto,latency=20ms")
BRIEF = ("--repeats", "1", "--max-seconds", "2")
"""A camera for two seconds, and a search for at most twenty. Fewer than two minutes is no sustained run."""
NORMALISED = ("--preprocessing", "mean=127,scale=128")
PHOTOGRAPHS = {
    "classification": ("mobilenet_v2_int8.tflite", ()),  # takes the pixels as they are
    "detection": ("ultraface_rfb_320.onnx", (*NORMALISED, "--dataset-options", "score_threshold=0.7")),
}
"""Faces as an application shows them: at the head's own threshold, 0.01, suppression takes most of the time."""


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    if find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    return Terminal(tmp_path_factory.mktemp(USER))


class Told(NamedTuple):
    """One run: its arrays by role, the figures of the file, its facts on the page, and the page."""

    run: RecordedRun
    arrays: dict[str, Any]
    figures: dict[str, float | None]
    facts: dict[str, str]
    markup: str


def text_of(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", markup)).replace(units.NO_BREAK, " ").strip()


def facts_of(page: str, place: int) -> dict[str, str]:
    """What the page says of the run in that place: each fact's first figure by its name."""
    (article,) = re.findall(rf'<article class="run[^>]*id="run-{place}".*?</article>', page, re.DOTALL)
    (listed,) = re.findall(r'<dl class="facts">(.*?)</dl>', article, re.DOTALL)
    pairs = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", listed, re.DOTALL)
    return {text_of(name): text_of(re.split(r"<span|<b>", told)[0]) for name, told in pairs}


def told(outcome: Outcome, name: str) -> Told:
    ((place, run),) = ((at, r) for at, r in enumerate(outcome.runs, 1) if r.record.plan.scenario.name == name)
    record = json.loads((outcome.folder / run.record.record_id / "record.json").read_text())
    assert ("ok", 1) == (record["status"], len(record["repeats"]))
    held = np.load(outcome.folder / run.record.record_id / "samples.npz")
    arrays = {role: held[key] for role, key in record["repeats"][0]["samples"]["arrays"].items()}
    page = (outcome.folder / "report.html").read_text()
    figures = {key: figure["value"] for key, figure in record["summary"]["figures"].items()}
    return Told(run, arrays, figures, facts_of(page, place), page)


@pytest.fixture(scope="module")
def lived(terminal: Terminal, realdata: Path) -> Outcome:
    """One command, on one core, so that it does not slow others down more than it must."""
    model = str(realdata / "models" / "ultraface_rfb_320.onnx")
    asked = ("-m", model, "-t", "openvino:CPU", "-O", "INFERENCE_NUM_THREADS=1", *flags("-s", SCENARIOS))
    return terminal.run(*asked, quick=BRIEF)


def test_one_page_holds_the_three(lived: Outcome) -> None:
    """A camera, minutes of work and a server, in one report."""
    page = text_of((lived.folder / "report.html").read_text())
    assert [1, 1, 1] == [page.count(run.record.record_id) and 1 for run in lived.runs]
    for heading in ("Fixed-rate: 30 frames/s", "Sustained: 2 minutes", "Server: the largest rate at which the p99"):
        assert heading in page


def test_frames_in_time(lived: Outcome) -> None:
    """Of all frames that were due, 30 a second, those that were answered before the next one."""
    camera = told(lived, "fixed-rate")
    latency, dropped = camera.arrays["latency_ns"], camera.arrays["dropped_ns"]
    assert 60 == len(latency) + len(dropped)
    in_time = int((latency <= SECOND / 30).sum()) / 60
    assert in_time == camera.figures["in_time_fraction"]
    assert len(dropped) / 60 == camera.figures["dropped_fraction"]
    assert units.percent(in_time) == camera.facts["Answers in time"]
    assert units.percent(len(dropped) / 60) == camera.facts["Dropped frames"]


def retained(start_ns: Any, latency_ns: Any, duration_ns: int) -> tuple[float, float]:
    """The steady rate of two minutes, and as a fraction of the first minute's. Two minutes have 24 slices of five
    seconds, and the steady state is the second minute, since it is a minute at least."""
    width_ns = duration_ns / 24
    slices = [(width_ns * at <= start_ns) & (start_ns < width_ns * (at + 1)) for at in range(24)]
    slices[-1] |= start_ns >= width_ns * 24
    speeds = [SECOND * int(one.sum()) / int(latency_ns[one].sum()) for one in slices]
    return sum(speeds[12:]) / 12, sum(speeds[12:]) / sum(speeds[:12])


def test_the_retained_fraction(lived: Outcome) -> None:
    """Of the speed of the first minute, what the second still has; and each minute's rate."""
    long = told(lived, "sustained")
    start, latency = long.arrays["start_ns"], long.arrays["latency_ns"]
    (repeat,) = long.run.record.repeats
    assert repeat.duration_ns is not None
    assert repeat.duration_ns >= 2 * MINUTE
    steady, fraction = retained(start, latency, repeat.duration_ns)
    assert steady == pytest.approx(long.figures["steady_rate_per_s"], rel=1e-9)
    assert fraction == pytest.approx(long.figures["retained_fraction"], rel=1e-9)
    assert units.number(steady, "queries/s") == long.facts["Steady rate"]
    assert units.percent(fraction) == long.facts["Retained of the first minute's rate"]
    page = text_of(long.markup)
    for minute in range(2):
        inside = (start >= minute * MINUTE) & (start < (minute + 1) * MINUTE)
        rate = SECOND * int(inside.sum()) / int(latency[inside].sum())
        assert units.number(rate, "queries/s") in page


def largest_rate(arrays: dict[str, Any]) -> float | None:
    """Where the p99 leaves 20 ms: a logistic regression of late queries on the logarithm of the rate, with the prior on
    the power that the documentation of the fit states, maximised by SciPy. Without two rates within its reach, of which
    one held and one did not: the highest rate that held."""
    rates, late, counts = arrays["axis_thousandths"] / 1000, [], []
    for at in range(len(rates)):
        latency = arrays["attempt_latency_ns"][arrays["attempt_point"] == at]
        counted = latency[len(latency) // 10 :]
        counts.append(len(counted))
        late.append(int((counted > 20 * MS).sum()))
    n, k, x = np.array(counts), np.array(late), np.log(rates)
    holds = k <= 0.01 * n
    if not holds.any():
        return None
    low = float(x[holds].max())
    if holds.all() or (high := float(x[~holds].min())) - low > 0.3:
        return math.exp(low)
    centre = (low + high) / 2
    for _ in range(5):
        near = abs(x - centre) <= 0.3
        if len(np.unique(x[near])) < 2:
            return math.exp(low)
        found = fitted(x[near], n[near], k[near])
        moved = min(max(found, centre - 0.15), centre + 0.15)
        if abs(moved - centre) < 1e-4:
            break
        centre = moved
    return math.exp(centre)


def fitted(x: Any, n: Any, late: Any) -> float:
    """Queries weigh an eighth, since they are late in clusters; the power is log-normal about 5."""
    from scipy.optimize import minimize

    middle = float(np.average(x, weights=n))

    def surprise(values: Any) -> float:
        odds = values[0] + math.exp(values[1]) * (x - middle)
        likely = late * -np.logaddexp(0, -odds) + (n - late) * -np.logaddexp(0, odds)
        return float(-likely.sum() / 8 + (values[1] - math.log(5)) ** 2 / 2)

    begin = [math.log((late.sum() + 0.5) / (n.sum() - late.sum() + 0.5)), math.log(5)]
    level, power = minimize(surprise, begin, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).x
    return middle + (math.log(0.01 / 0.99) - level) / math.exp(power)


def test_the_largest_rate(lived: Outcome) -> None:
    """By all attempts of the search; where no rate held, the page says what was in time at the lowest instead."""
    server = told(lived, "server")
    found, stated = largest_rate(server.arrays), server.figures["largest_rate_per_s"]
    if found is None:
        assert stated is None
        in_time = float((server.arrays["latency_ns"] <= 20 * MS).mean())
        assert in_time == server.figures["in_time_fraction"]
        assert units.percent(in_time) == server.facts["Answers in time"]
        return
    assert found == pytest.approx(stated, rel=2e-4)
    assert units.number(stated, "queries/s") == server.facts["Largest rate within the bound"]


# ------------------------------------------------------------------------------------------------ whole pipelines


@pytest.fixture(scope="module", params=PHOTOGRAPHS)
def photographed(request: pytest.FixtureRequest, terminal: Terminal, realdata: Path) -> Outcome:
    """Every photograph through one pipeline."""
    name, preprocessing = PHOTOGRAPHS[request.param]
    asked = ("-m", str(realdata / "models" / name), "-t", "openvino:CPU", *preprocessing)
    return terminal.run(*asked, "--pipeline", request.param, "--inputs", str(realdata / "images"))


def test_the_share_of_the_network_leads(photographed: Outcome, realdata: Path) -> None:
    """All photographs were taken; the stages add up to the whole; and what the network takes of it stands in the file,
    among the stages on the page, and in the sentence on its first screen. A run that is not valid does not have that
    sentence: it is read from the page of the same record with a valid verdict."""
    whole = told(photographed, "end-to-end")
    plan, arrays = whole.run.record.plan, whole.arrays
    assert plan.pipeline is not None
    taken = [file for file in (realdata / "images").iterdir() if file.suffix in (".jpg", ".png")]
    assert (len(taken), len(taken)) == (plan.pipeline.files, plan.pipeline.inputs)
    stages = {name: arrays[f"stage_{name}_ns"] for name in ("decode", "preprocess", "infer", "postprocess")}
    assert (sum(stages.values()) == arrays["latency_ns"]).all()
    share = int(stages["infer"].sum()) / sum(int(one.sum()) for one in stages.values())
    assert share == pytest.approx(whole.figures["network_fraction"], rel=1e-12)
    shown, per_input = units.percent(share), units.duration(float(arrays["latency_ns"].mean()))
    (table,) = re.findall(r"Stages of the pipeline.*?</table>", whole.markup, re.DOTALL)
    (row,) = re.findall(r'<tr><th scope="row"[^>]*>infer</th>(.*?)</tr>', table, re.DOTALL)
    assert shown in [text_of(cell) for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)]
    valid = RecordedRun(replace(whole.run.record, verdict=Verdict(True, False)), whole.run.samples)
    (leading,) = re.findall(r'<ul class="headline">(.*?)</ul>', HtmlReport().render([valid]).decode(), re.DOTALL)
    said = f"the network takes {shown} of the {per_input} from file to answer, the mean of {len(taken)} inputs"
    assert said in text_of(leading)
