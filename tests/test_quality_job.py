"""The job of quality: trained models judged on photographs on every target that opens them, in one page.

The suite is the one that the documentation prints. A sound int8 model passes; on a runtime that swaps channels, or
misreads the zero point, it does not.
"""

from pathlib import Path

import pytest

from bench.execution.suite_run import run_suite
from bench.plugins import discover
from bench.record.quality import Quality
from bench.record.record import Fidelity, RecordedRun
from bench.reports.runs.html import HtmlReport
from bench.suite.suite import ModelAsk, Suite, TargetAsk, load_suite

ROOT = Path(__file__).resolve().parents[1]
MISREADING = ROOT / "tests" / "plugins" / "misreading.py"
pytestmark = [pytest.mark.real, pytest.mark.timeout(600), pytest.mark.process]
Runs = dict[tuple[str, str, str], RecordedRun]


@pytest.fixture(scope="module")
def page_and_runs(tmp_path_factory: pytest.TempPathFactory, realdata: Path) -> tuple[str, Runs]:
    """The suite of docs/examples, one short repeat each; runs by model, format and target."""
    for runtime in ("openvino", "onnxruntime_qnn"):
        pytest.importorskip(runtime)
    folder = tmp_path_factory.mktemp("quality")
    for name in ("models", "images"):
        (folder / name).symlink_to(realdata / name)
    (folder / "quality.toml").write_bytes((ROOT / "docs" / "examples" / "quality.toml").read_bytes())
    from msgspec.structs import replace

    suite = replace(load_suite(folder / "quality.toml"), repeats=1, max_seconds=0.05)
    (folder / "out").mkdir()
    runs = run_suite(suite, discover(), folder / "out", cache=folder / "cache")
    page = HtmlReport().render(runs).decode()
    return page, {(r.record.plan.model.id, str(r.record.plan.model.format), r.record.plan.target.id): r for r in runs}


def opened(runs: Runs) -> Runs:
    return {key: run for key, run in runs.items() if run.record.status != "skipped"}


def fidelity_of(run: RecordedRun) -> Fidelity:
    assert run.record.fidelity is not None
    return run.record.fidelity


def quality_of(run: RecordedRun) -> Quality:
    assert run.record.quality is not None
    return run.record.quality


def test_every_pair_that_fits_was_carried_out(page_and_runs: tuple[str, Runs]) -> None:
    """TFLite on OpenVINO, ONNX on all three; nothing failed, the rest is skipped with its reason."""
    runs = opened(page_and_runs[1])
    assert {(*key, "ok") for key in runs} == {(*key, run.record.status) for key, run in runs.items()}
    assert set(runs) == {
        ("mlperf_tiny_resnet", "tflite", "openvino:CPU"),
        ("mlperf_tiny_resnet_int8", "tflite", "openvino:CPU"),
        ("mobilenet_v2_int8", "tflite", "openvino:CPU"),
        *(
            (m, "onnx", t)
            for m in ("mlperf_tiny_resnet", "squeezenet_fp16")
            for t in ("openvino:CPU", "ort:cpu", "qnn:htp-emu")
        ),
    }


def test_outputs_agree_with_their_reference(page_and_runs: tuple[str, Runs]) -> None:
    """Each in its own precision; int8 against the float model, and the emulator's numerics as any other's."""
    runs = opened(page_and_runs[1])
    assert dict.fromkeys(runs, True) == {key: fidelity_of(run).ok for key, run in runs.items()}
    int8 = fidelity_of(runs["mlperf_tiny_resnet_int8", "tflite", "openvino:CPU"])
    assert ("mlperf_tiny_resnet.tflite on openvino:CPU, f32", "seeded", 4) == (
        int8.reference,
        int8.inputs_source,
        int8.inputs,
    )
    assert int8.top5_agreement == 1.0
    assert (int8.outputs[0].sqnr_db_quartile or 0) > 15
    assert "dataset" == fidelity_of(runs["squeezenet_fp16", "onnx", "ort:cpu"]).inputs_source


def test_answers_on_photographs(page_and_runs: tuple[str, Runs]) -> None:
    """MobileNetV2 is right on all twelve; SqueezeNet as often on every target; none is told from its reference."""
    runs = page_and_runs[1]
    mobilenet = quality_of(runs["mobilenet_v2_int8", "tflite", "openvino:CPU"])
    assert (1.0, (pytest.approx(0.7575, abs=1e-3), 1.0)) == (
        mobilenet.metrics[0].value,
        mobilenet.metrics[0].interval95,
    )
    assert ["empty_road_mapillary.jpg", "satya.jpg"] == [left.file for left in mobilenet.dataset.left_out]
    squeezenet = [quality_of(runs["squeezenet_fp16", "onnx", t]) for t in ("openvino:CPU", "ort:cpu", "qnn:htp-emu")]
    assert {mobilenet.dataset.sha256} == {quality.dataset.sha256 for quality in squeezenet}
    for quality in (mobilenet, *squeezenet):
        assert 12 == quality.dataset.samples
        assert quality.metrics[0].value >= 0.5
        assert {("top1", "cannot_tell", "exact McNemar"), ("top5", "cannot_tell", "exact McNemar")} == {
            (pair.metric, pair.word, pair.test) for pair in quality.paired
        }


def test_quality_is_of_what_was_measured(page_and_runs: tuple[str, Runs]) -> None:
    """Hash, target and options agree in every record, so that no verdict has a doubt about it."""
    for run in opened(page_and_runs[1]).values():
        verdict = run.record.verdict
        assert verdict is not None
        assert "quality_of_another" not in [reason.code for reason in verdict.reasons]


def test_all_of_it_stands_in_one_page(page_and_runs: tuple[str, Runs]) -> None:
    """Quality with its interval, the paired difference with its test, fidelity, and the drawing of both."""
    page = " ".join(page_and_runs[0].split())
    for words in (
        "<h2>Quality and fidelity</h2>",
        '<span class="whole">top-1</span> 100 %, 12 samples',
        "75.8 – 100 %",
        "(95 % interval −19.8 to +19.8, exact McNemar p = 1)",
        "mlperf_tiny_resnet.tflite on openvino:CPU, f32, 4 seeded inputs",
        "compared with ort:cpu, fp32, ORT_DISABLE_ALL, 4 samples of the dataset",
        "Left out: empty_road_mapillary.jpg: has no label (labels.json)",
        "Top-1, 12 samples of images",
    ):
        assert words in page
    assert 4 == page.count('class="whisker plain"')
    assert 1 == page.count('class="estimate hollow"')


@pytest.mark.parametrize(
    ("model", "target", "extra"),
    [
        ("mobilenet_v2_int8", "swapping:CPU", {"dataset": "images", "dataset_options": "label_offset=1"}),
        ("mlperf_tiny_resnet_int8", "swapping:CPU", {"reference": "models/mlperf_tiny_resnet.tflite"}),
        ("mlperf_tiny_resnet_int8", "shifting:CPU", {"reference": "models/mlperf_tiny_resnet.tflite"}),
        ("mlperf_tiny_kws_int8", "shifting:CPU", {}),
    ],
)
def test_a_broken_runtime_is_seen(
    tmp_path: Path, realdata: Path, model: str, target: str, extra: dict[str, str]
) -> None:
    """The same int8 files on an OpenVINO that swaps red and blue, or is 128 off in the zero point: a mismatch on 16
    inputs, and on photographs top-1 is lost. Of the sound runtime the same inputs show no mismatch that made-up inputs
    do not excuse."""
    pytest.importorskip("openvino")
    paths = {key: str(realdata / value) if "/" in value or value == "images" else value for key, value in extra.items()}
    ask = ModelAsk(str(realdata / "models" / f"{model}.tflite"), **paths)
    targets = (TargetAsk("openvino:CPU"), TargetAsk(target))
    suite = Suite(models=(ask,), targets=targets, repeats=1, max_seconds=0.05, check_inputs=16)
    (tmp_path / "out").mkdir()
    sound, broken = run_suite(suite, discover([MISREADING]), tmp_path / "out", cache=tmp_path / "cache")
    verdicts = [run.record.verdict for run in (sound, broken)]
    assert [False, True] == [verdict is not None and "output_mismatch" in verdict.invalidating for verdict in verdicts]
    assert False is fidelity_of(broken).ok
    if "dataset" in extra:
        assert quality_of(broken).paired[0].difference <= -0.25
        assert quality_of(sound).paired[0].difference == 0
