"""The page of ``odb quantise``, of an outcome made by hand."""

import re
from html import unescape

import pytest
from msgspec.structs import replace

from bench.contracts import CalibrationSet, LayerError, LineageStep, MadeFrom
from bench.quantising.outcome import Agreement, Loss, Lost, Placed, Quantised, Sampled, Try
from bench.quantising.told import method_told
from bench.record.quality import LeftOut, Paired, QualityMetric
from bench.reports.quantisations.html import HtmlQuantisation
from bench.targets.ort.qdq.methods import METHODS
from bench.words import speaking

SOURCE = MadeFrom("net.onnx", "onnx", "a" * 64, 1_000_000)
CALIBRATION = CalibrationSet(4, "b" * 64)
PLACED = Placed(
    target="qnn:htp-emu",
    options={"soc": "snapdragon-778g"},
    device_name="a chip",
    emulated=True,
    requested="HTP",
    nodes={"HTP": 9, "CPU": 1},
    macs={"HTP": 100, "CPU": 0},
    elsewhere=("QuantizeLinear in",),
)


def loss(error: float) -> Loss:
    return Loss(output="y", error=error, interval95=(error / 2, error * 2), samples=10)


def tried(method: str, error: float, **changes: object) -> Try:
    one = Try(method=method, options={}, size_bytes=250_000, choosing=loss(error), judging=loss(error))
    return replace(one, **changes)


OUTCOME = Quantised(
    tool_version="0.1.0",
    created_utc="2026-01-02T03:04:05+00:00",
    quantiser="onnx",
    scheme="int8",
    source=SOURCE,
    calibration=CALIBRATION,
    sampled=Sampled(
        found=17,
        calibrating=4,
        choosing=0,
        judging=10,
        held_back=True,
        duplicates=2,
        unused=0,
        labelled=True,
        left_out=(LeftOut("bad.png", "bad.png", "no image"),),
        hashes=(),
    ),
    tries=(
        tried("minmax", 1e-4),
        tried("entropy", 1e-3, fits=False),
        Try(method="percentile", options={}, failure="the tool stopped"),
    ),
    chosen=0,
    layers=(LayerError("conv1", "Conv", 12.0, 30.0), LayerError("sum", "Add", None, None)),
    agreement=Agreement(target="ort:cpu", inputs=10, ok=True, cosine_min=0.999, sqnr_db_min=30.0),
    lost=Lost(
        dataset="photos",
        task="classification",
        samples=10,
        base=(QualityMetric("top1", 0.9, (0.6, 0.98), 10, True, "mean", "share", "Wilson"),),
        new=(QualityMetric("top1", 0.8, (0.5, 0.94), 10, True, "mean", "share", "Wilson"),),
        paired=(Paired("top1", -0.1, (-0.4, 0.2), 1.0, "exact McNemar", "cannot_tell", 10, 0, 1),),
    ),
    placed=(PLACED,),
    result=MadeFrom("net.int8.onnx", "onnx", "c" * 64, 250_000),
    lineage=(LineageStep(kind="quantised", tool="ondevice-bench 0.1.0", made_from=SOURCE, calibration=CALIBRATION),),
    command="odb run -m net.int8.onnx -t qnn:htp-emu -O soc=snapdragon-778g",
    reference="ort:cpu",
)


def text_of(outcome: Quantised) -> str:
    page = HtmlQuantisation().render(outcome).decode()
    assert "<script" not in page
    return " ".join(re.sub(r"<[^>]+>", " ", page).replace("\u00a0", " ").split())


def test_what_the_page_says() -> None:
    """Tries with their loss and interval, what was chosen, layers, quality, placement, lineage and the command."""
    text = text_of(OUTCOME)
    for said in (
        "net.onnx quantised to int8",
        "17 samples: ranges from 4",
        "2 samples left out as duplicates",
        "bad.png",
        "40.0 dB 37.0 – 43.0 dB chosen",
        "30.0 dB 27.0 – 33.0 dB too large",
        "No model by percentile: the tool stopped.",
        "100 % of the MACs and 9 of 10 nodes on the HTP",
        "QuantizeLinear in",
        "90.0 % 80.0 % −10.0 −40.0 to +20.0 cannot be distinguished from noise",
        "conv1 Conv 30.0 dB 12.0 dB",
        "calibrated on 4 samples, SHA-256 " + "b" * 64,
        "odb run -m net.int8.onnx",
    ):
        assert said in text
    assert HtmlQuantisation().render(OUTCOME) == HtmlQuantisation().render(OUTCOME)


def test_names_are_text_and_never_markup() -> None:
    """Of files, layers and methods."""
    bad = "<b>x</b>"
    page = HtmlQuantisation().render(
        replace(
            OUTCOME,
            source=replace(SOURCE, name=bad),
            layers=(LayerError(bad, bad, 1.0, 2.0),),
            tries=(tried(bad, 1e-3),),
            placed=(replace(PLACED, elsewhere=(bad,), device_name=bad),),
        )
    )
    assert b"<b>x" not in page


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_methods_of_a_chart_are_read_in_full(language: str) -> None:
    """The longest that the built-in quantiser has, with layers in 16 bits; of a layer's name the end stays."""
    longest = max((one.name for methods in METHODS.values() for one in methods), key=len)
    layer = "/model/backbone/stage3/block_11/depthwise/Conv_output_0"
    mixed = tried(longest, 1e-3, widened=("a", "b", "c", "d"))
    changed = replace(OUTCOME, tries=(tried("minmax", 1e-4), mixed), layers=(LayerError(layer, "Conv", 1.0, 2.0),))
    with speaking(language):
        page = HtmlQuantisation().render(changed).decode()
        expected = method_told(mixed)
    labels = [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", page)]
    assert expected in [text.replace("\u00a0", " ") for text in labels]
    assert 1 == sum(text.startswith("…") and layer.endswith(text[1:]) and len(text) > 20 for text in labels)


@pytest.mark.parametrize("chosen", [0, None])
def test_in_korean(chosen: int | None) -> None:
    """No sentence is left in English; nothing chosen has a page, too."""
    with speaking("ko"):
        text = text_of(replace(OUTCOME, chosen=chosen))
    assert "양자화" in text
    assert not re.search(r"quantise\.|samples|held back", text)


@pytest.mark.parametrize(("ok", "status"), [(True, 0), (None, 0), (False, 1)])
def test_the_status(ok: bool | None, status: int) -> None:
    """1 where outputs differ by more than quantising explains, and where nothing fits."""
    assert OUTCOME.agreement is not None
    assert status == replace(OUTCOME, agreement=replace(OUTCOME.agreement, ok=ok)).status
    assert 1 == replace(OUTCOME, chosen=None).status
