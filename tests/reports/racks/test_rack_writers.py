"""The page of a rack in every format, in both languages."""

import json
import re

import pytest

from bench.fleet.results import read_rack
from bench.racks.matrix import rack_of
from bench.racks.rack import Gap, Rack
from bench.reports.racks.contents import contents
from bench.reports.racks.html import HtmlRack
from bench.reports.racks.json import JsonRack
from bench.reports.racks.markdown import MarkdownRack
from bench.words import speaking
from tests.support.fleet.racks import measured, rack_folder


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Rack:
    return read_rack(rack_folder(tmp_path_factory.mktemp("rack") / "out"))


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "en",
            ["not comparable with intel-1: The executed precision differs", "comparable with board-1", "not planned"],
        ),
        ("ko", ["intel-1과 비교 불가: 실행 정밀도", "board-1과 비교 가능", "계획에서 제외"]),
    ],
)
def test_figures_verdicts_answers_and_gaps_are_told(rack: Rack, language: str, told: list[str]) -> None:
    """In the page and in Markdown, in the language that is spoken."""
    with speaking(language):
        pages = [HtmlRack().render(rack).decode(), MarkdownRack().render(rack).decode()]
    for page in pages:
        plain = re.sub(r"\\(.)", r"\1", re.sub(r"</?span[^>]*>|<wbr>", "", page)).replace("\u00a0", " ")
        for text in (*told, "910 µs", "The disk of board-3 is full.", "Free 2 GB there.", "old-1"):
            assert text in plain, text


def test_what_was_not_planned_is_not_counted_as_missing(rack: Rack) -> None:
    """A suite for several kinds of boards names targets that no board has all of."""
    left_out = sum(gap.state == "left_out" for gap in rack.gaps)
    told = f"{len(rack.gaps) - left_out} missing, {left_out} not planned."
    assert 0 < left_out < len(rack.gaps)
    assert told in HtmlRack().render(rack).decode()
    text = MarkdownRack().render(rack).decode()
    assert told in re.sub(r"\\(.)", r"\1", text)
    missing = json.loads(JsonRack().render(rack))["missing"]
    assert (len(rack.gaps), left_out) == (len(missing), sum(gap["state"] == "left_out" for gap in missing))
    devices = contents(rack).tables[0]
    assert ["missing", "left_out"] == [column.key for column in devices.columns[-2:]]
    counted = {row[0].value: (row[-2].value, row[-1].value) for row in devices.rows}
    assert ("1", "0") == counted["board-1"]
    assert ("0", "1") == counted["old-1"] == counted["snapdragon-1"]


def test_a_doubted_figure_is_struck(rack: Rack) -> None:
    assert re.search(r'<s class="value"[^>]*>3\.05', HtmlRack().render(rack).decode())
    assert "~~3.05" in MarkdownRack().render(rack).decode()


def test_the_document_is_the_same_in_every_language(rack: Rack) -> None:
    """Each run with its figure, what it was compared with, and the codes of why not; each gap by its state."""
    with speaking("ko"):
        korean = JsonRack().render(rack)
    assert korean == JsonRack().render(rack)
    document = json.loads(korean)
    runs = {(row["model"], run["device"]): run for row in document["rows"] for run in row["runs"]}
    other = runs["yolov8n", "snapdragon-1"]
    assert (other["status"], other["answer"], other["compared_with"]) == ("invalid", "not_comparable", "intel-1")
    assert other["reasons"] == [{"code": "precision_differs", "invalidates": True}]
    first = runs["mobilenet_v2", "board-1"]
    assert (first["metric"], first["group"], first["answer"]) == ("latency_p50_ns", 1, None)
    assert first["value"] == pytest.approx(910_000, rel=0.01)
    assert {gap["state"] for gap in document["missing"]} == {"lost", "refused", "waiting", "left_out"}


def test_many_devices_stand_in_blocks_and_hostile_names_are_text() -> None:
    """Five devices abreast at the most, in blocks of about the same size."""
    runs = [measured(f"board-{number}", "<b>net|x</b>", "a:npu", 1_000_000 + number) for number in range(7)]
    rack = rack_of(runs, [Gap(state="lost", device="<script>", model="m", reason="<img src=x>")])
    page, text = HtmlRack().render(rack).decode(), MarkdownRack().render(rack).decode()
    assert page.count('<table class="matrix"') == 4
    assert "<script>" not in page
    assert "<img" not in page + text
    assert "<b>net" not in page + text


def test_targets_of_a_device_stand_in_the_same_order_as_those_of_others() -> None:
    """Runs and gaps alike, each under the name of its target; what no device has of a target is named with it."""
    runs = [measured("a", "net", "ort:cpu", 1_000_000), measured("b", "net", "chip:npu", 2_000_000)]
    gaps = [
        Gap(state="waiting", device="a", model="net", target="chip:npu", scenario="single-stream"),
        Gap(state="left_out", device="b", target="openvino:CPU", reason="not there"),
    ]
    rack = rack_of(runs, gaps)
    assert [("chip:npu", "ort:cpu"), ("chip:npu",)] == [
        tuple(one.target for one in cell) for cell in contents(rack).sections[0].blocks[0].rows[0].cells
    ]
    page, text = HtmlRack().render(rack).decode(), MarkdownRack().render(rack).decode()
    assert page.index("chip:npu") < page.index("not finished") < page.index("ort:cpu")
    for shown in (page, text):
        assert "every run · openvino:CPU" in shown.replace("\\", "")


def test_what_a_run_is_compared_with_is_named_with_its_target_where_the_device_has_several() -> None:
    """The first of the row is the first that its page shows."""
    runs = [measured("a", "net", target, 1_000_000) for target in ("ort:cpu", "chip:npu")]
    rack = rack_of([*runs, measured("b", "net", "ort:cpu", 2_000_000)])
    page = re.sub(r"</?span[^>]*>", "", HtmlRack().render(rack).decode())
    assert page.index("first of the row") < page.index("ort:cpu")
    assert 2 == page.count("comparable with a (chip:npu)")
    ours = [run for run in json.loads(JsonRack().render(rack))["rows"][0]["runs"] if run["device"] == "b"]
    assert [("a", "chip:npu")] == [(run["compared_with"], run["compared_with_target"]) for run in ours]
