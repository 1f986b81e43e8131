"""The main job, as its user does it: the real command on real models and runtimes, judged by what it leaves."""

import hashlib
import json
import platform
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odb_terminal import USER, Outcome, Terminal, flags
from onnx import TensorProto, helper
from placement_graphs import graph, placement_models, quantised_convolution, ramp

import bench.testing.plugins
from bench.record.record import RecordedRun

pytestmark = [pytest.mark.real, pytest.mark.process]

VISION = ("models/ultraface_rfb_320.onnx", "models/road-segmentation-adas-0001.xml", "models/mobilenet_v2_int8.tflite")
SMALL_DECODER = Path(__file__).parent / "plugins" / "small_decoder.py"
STORIES = "llm/stories260K/model.onnx"
TARGETS = ("openvino:CPU", "ort:cpu", "qnn:htp-emu")
FLOAT32 = ("-O", "INFERENCE_PRECISION_HINT=f32", "-O", "KV_CACHE_PRECISION=f32")
ULTRAFACE_MACS = 100_418_560
ABSOLUTE = re.compile(r"(?<![\w.<…])/(?:home|root|tmp|usr|opt|work|var|mnt|etc|Users)/|\b[A-Za-z]:\\\\?Users\b")


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    for package in ("openvino", "onnxruntime", "onnxruntime_qnn"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("the HTP's emulator exists only for x86-64")
    return Terminal(tmp_path_factory.mktemp(USER))


@pytest.fixture(scope="module")
def vision(terminal: Terminal, realdata: Path) -> Outcome:
    """Three vision models in three formats on the three runtimes."""
    models = tuple(realdata / model for model in VISION)
    return terminal.run(*flags("-m", models), *flags("-t", TARGETS), "-O", "soc=snapdragon-x-elite")


@pytest.fixture(scope="module")
def decoder(terminal: Terminal) -> Outcome:
    """A small built-in sLLM on the three runtimes: the emulated HTP compiles the smallest that is listed for half a
    minute."""
    asked = ("--plugin", str(SMALL_DECODER), "-m", "small-decoder", "--prompt-tokens", "16", "--generate-tokens", "8")
    return terminal.run(*asked, *flags("-t", TARGETS), *FLOAT32)


@pytest.fixture(scope="module")
def stories(terminal: Terminal, realdata: Path) -> Outcome:
    """The trained sLLM, a file of the user's."""
    lengths = ("--prompt-tokens", "8", "--generate-tokens", "12")
    return terminal.run("-m", str(realdata / STORIES), *flags("-t", TARGETS[:2]), *FLOAT32, *lengths)


@pytest.fixture(scope="module")
def without_floats(terminal: Terminal, realdata: Path) -> Outcome:
    """A float detector and an int8 convolution on a SoC whose HTP has no floating point."""
    models = (realdata / VISION[0], quantised_convolution(terminal.home / "quantised.onnx"))
    return terminal.run(*flags("-m", models), "-t", "qnn:htp-emu", "-O", "soc=qcs6490")


@pytest.fixture(scope="module")
def lenient(terminal: Terminal) -> Outcome:
    """A graph that the HTP takes a part of, and one that it takes whole."""
    return terminal.run(*flags("-m", placement_models(terminal.home)), "-t", "qnn:htp-emu")


@pytest.fixture(scope="module")
def strict(terminal: Terminal) -> Outcome:
    """The same two with --strict-placement."""
    return terminal.run(*flags("-m", placement_models(terminal.home)), "-t", "qnn:htp-emu", "--strict-placement")


@pytest.fixture(scope="module")
def photograph(terminal: Terminal, realdata: Path) -> Outcome:
    """A trained classifier fed a photograph as it was trained to be."""
    image = f"data_0={realdata / 'images' / 'grace_hopper.jpg'}"
    preprocessing = "order=bgr,mean=104:117:123,resize=crop256"
    model = str(realdata / "models" / "squeezenet_fp16.onnx")
    return terminal.run("-m", model, *flags("-t", TARGETS[:2]), "--input", image, "--preprocessing", preprocessing)


@pytest.fixture(scope="module")
def offline(terminal: Terminal) -> Outcome:
    """A dynamic graph with the user's shape and array, two queries in flight."""
    model = graph(
        terminal.home / "dynamic.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"], "product")],
        ["batch", "length", 4],
        (TensorProto.FLOAT, ["batch", "length", 3]),
        {"w": np.ones((4, 3), np.float32)},
    )
    np.savez(terminal.home / "arrays.npz", x=ramp((2, 5, 4)))
    given = ("--shape", "x=2,5,4", "--input", "arrays.npz")
    return terminal.run("-m", str(model), *flags("-t", TARGETS[:2]), *given, "-s", "offline", "--lanes", "2")


def stated_p50(samples: "np.ndarray[Any, Any]") -> int | None:
    """The upper middle sample, from LoadGen's least count of 11 on."""
    return None if samples.size < 11 else int(np.sort(samples, axis=None)[samples.size // 2])


# ---------------------------------------------------------------------------------------- vision on three runtimes


def test_each_pair_is_measured_where_it_fits(vision: Outcome) -> None:
    """OpenVINO reads ONNX, IR and TFLite; ONNX Runtime and QNN read ONNX, and say why they skip the others."""
    found = {(r.record.plan.model.id, r.record.plan.target.id): r.record.status for r in vision.runs}
    names = [Path(model).stem for model in VISION]
    expected = {(n, t): "ok" if n == names[0] or t == TARGETS[0] else "skipped" for n in names for t in TARGETS}
    assert expected == found
    kinds = {"road-segmentation-adas-0001": "openvino_ir", "mobilenet_v2_int8": "tflite"}
    for run in vision.runs:
        failure, plan = run.record.failure, run.record.plan
        if failure is not None:
            message = f"{plan.target.id} opens onnx, but {plan.model.id} is {kinds[plan.model.id]}"
            expected_failure = ("plan", "unsupported_format", message, "Export the model as onnx.")
            assert expected_failure == (failure.phase, failure.kind, failure.message, failure.remedy)


def test_what_was_measured_has_its_figures(vision: Outcome) -> None:
    """Latency from raw samples, cold start, memory, energy tier, placement and a check of the outputs."""
    for run in vision.runs:
        record, latency = run.record, run.record.summary.latency_ns
        if record.status != "ok":
            assert (None, ()) == (latency, record.repeats)
            continue
        assert latency is not None
        (samples,) = run.arrays("latency_ns")
        assert (len(samples), int(samples.min()), int(samples.max())) == (latency.n, latency.min, latency.max)
        assert stated_p50(samples) == latency.p50
        phases = record.repeats[0].phases_ns
        parts = (phases.runtime_import, phases.read, phases.compile, phases.first_inference)
        assert sum(part or 0 for part in parts) == record.summary.cold_start_ns
        assert record.summary.memory_bytes is not None
        assert record.plan.model.size_bytes == record.summary.memory_bytes.artifact
        assert record.summary.energy is not None
        assert record.plan.model.macs == record.summary.energy.macs
        assert record.placement is not None
        assert {record.placement.requested} == set(record.placement.nodes)
        assert record.fidelity is not None
        assert True is record.fidelity.ok


def test_one_page_holds_all_and_the_status_says_how_it_went(vision: Outcome) -> None:
    """Every record is in report.html and judged; 0 when each measured run is valid, else 1; stderr stays empty."""
    page = (vision.folder / "report.html").read_text()
    assert [] == [r.record.record_id for r in vision.runs if r.record.record_id not in page]
    judged = [(r.record.status, r.record.verdict) for r in vision.runs if r.record.verdict is not None]
    skipped = [[reason.code for reason in v.reasons] for status, v in judged if status == "skipped"]
    assert ([["not_measured"]] * 4, "") == (skipped, vision.stderr)
    measured = [v.valid for status, v in judged if status == "ok"]
    assert (5, 0 if all(measured) else 1) == (len(measured), vision.status)


def test_ultraface_is_all_on_the_htp(vision: Outcome) -> None:
    """118 of 118 nodes and every MAC on the emulated HTP of the Snapdragon X Elite, and said to be emulated."""
    record = vision.record("ultraface_rfb_320", "qnn:htp-emu")
    assert record.placement is not None
    assert ({"HTP": 118}, {"HTP": ULTRAFACE_MACS}, ()) == (
        record.placement.nodes,
        record.placement.macs,
        record.placement.fallback,
    )
    assert ULTRAFACE_MACS == record.plan.model.macs
    assert {"soc": "snapdragon-x-elite"} == record.plan.target.options_requested
    assert ("float16", True) == (record.plan.target.executed_precision, record.plan.target.emulated)
    assert record.verdict is not None
    assert record.verdict.emulated


def test_a_chip_without_floats_is_said_in_plain_words(without_floats: Outcome) -> None:
    """On the QCS6490 the float detector is skipped with its reason and remedy; status 0, as the other is measured."""
    record = without_floats.record("ultraface_rfb_320", "qnn:htp-emu")
    assert record.failure is not None
    assert ("skipped", "plan", "unsupported_precision") == (record.status, record.failure.phase, record.failure.kind)
    message = "ultraface_rfb_320.onnx is a float model, but the HTP of Dragonwing QCS6490 has no floating point"
    assert message == record.failure.message
    assert ": odb quantise ultraface_rfb_320.onnx --data DIR, where DIR is" in record.failure.remedy
    assert 0 == without_floats.status


def test_int8_runs_on_that_chip(without_floats: Outcome) -> None:
    """The quantised convolution, with all its MACs, is on the HTP; only the ends of the graph are on the CPU."""
    record = without_floats.record("quantised", "qnn:htp-emu")
    assert ("ok", "int8") == (record.status, record.plan.target.executed_precision)
    assert record.placement is not None
    assert record.placement.macs is not None
    assert 8 * 14 * 14 * 3 * 3 * 3 == record.placement.macs["HTP"] == record.plan.model.macs
    assert {"QuantizeLinear", "DequantizeLinear"} == {text.split()[0] for text in record.placement.fallback}


# --------------------------------------------------------------------------------------------------- placement


def test_a_fallback_is_listed_with_its_share(lenient: Outcome) -> None:
    """What QNN left to the CPU is named, with its share of the MACs, in the record and its verdict."""
    record = lenient.record("partly", "qnn:htp-emu")
    assert record.placement is not None
    assert {"HTP": 8 * 14 * 14 * 27, "CPU": 8 * 14 * 14 * 5} == record.placement.macs
    assert "MatMulInteger product" in record.placement.fallback
    assert record.placement.nodes["CPU"] == len(record.placement.fallback)
    assert record.verdict is not None
    (said,) = (reason.message for reason in record.verdict.reasons if reason.code == "fallback")
    assert "16 % of the multiply-accumulates" in said
    assert "MatMulInteger product" in said
    assert "ok" == lenient.record("wholly", "qnn:htp-emu").status


def test_strict_placement_fails_what_fell_back(strict: Outcome) -> None:
    """The same graph is a failed record that names the operator; the other passes; status 1."""
    failed, passed = (strict.record(name, "qnn:htp-emu") for name in ("partly", "wholly"))
    assert failed.failure is not None
    assert ("failed", "check", "fallback") == (failed.status, failed.failure.phase, failed.failure.kind)
    assert "MatMulInteger product" in failed.failure.message
    assert failed.failure.remedy != ""
    assert passed.placement is not None
    assert ("ok", {"HTP"}, True) == (passed.status, set(passed.placement.nodes), passed.plan.strict_placement)
    assert 1 == strict.status


# ------------------------------------------------------------------------------------------------------- sLLMs


def test_the_same_tokens_on_every_runtime(decoder: Outcome) -> None:
    """In float32, the KV cache included, the greedy tokens are the same on OpenVINO and ONNX Runtime; on the HTP, in
    float16, the record states the precision and how many tokens agree, and they do agree that far."""
    first, second, emulated = (decoder.record("small-decoder", target) for target in TARGETS)
    texts = [r.summary.text_generation for r in (first, second, emulated)]
    ids = [text.token_ids for text in texts if text is not None]
    assert [8, 8, 8] == [len(each) for each in ids]
    assert ids[0] == ids[1]
    precisions = [r.plan.target.executed_precision for r in (first, second, emulated)]
    assert ["float32", "float32", "float16"] == precisions
    assert emulated.fidelity is not None
    prefix = emulated.fidelity.token_prefix
    assert prefix is not None
    assert prefix >= 1
    assert ids[1][:prefix] == ids[2][:prefix]
    assert emulated.placement is not None
    assert ({"HTP"}, ()) == (set(emulated.placement.nodes), emulated.placement.fallback)


@pytest.mark.parametrize("outcome", ["decoder", "stories"])
def test_token_times_are_those_of_the_samples(outcome: str, request: pytest.FixtureRequest) -> None:
    """TTFT, TPOT, ITL and both rates can be computed again from the time of every token."""
    runs: list[RecordedRun] = request.getfixturevalue(outcome).runs
    for run in runs:
        text = run.record.summary.text_generation
        assert text is not None
        (times,), (latency,) = run.arrays("token_ns"), run.arrays("latency_ns")
        assert (len(latency), len(text.token_ids)) == times.shape
        assert (np.diff(times, axis=1) > 0).all()
        assert (times[:, -1] <= latency).all()
        gaps = np.diff(times, axis=1)
        spans = (times[:, -1] - times[:, 0]) / (times.shape[1] - 1)
        expected_ttft, expected_tpot = stated_p50(times[:, 0]), stated_p50(spans)
        assert (expected_ttft, expected_tpot) == (text.ttft_ns, text.tpot_ns)
        assert (stated_p50(gaps), round(float(gaps.mean()))) == (text.itl_ns["p50"], text.itl_ns["mean"])
        if expected_ttft is None or expected_tpot is None:
            assert (None, None) == (text.prefill_tokens_per_s, text.decode_tokens_per_s)
        else:
            rates = (text.prefill_tokens_per_s, text.decode_tokens_per_s)
            assert (1e9 * text.prompt_tokens / expected_ttft, 1e9 / expected_tpot) == pytest.approx(rates)


def test_a_users_decoder_generates_what_its_graph_says(stories: Outcome, realdata: Path) -> None:
    """The tokens of both runtimes are those of the whole sequence fed anew for each token, without a cache."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(realdata / STORIES), providers=["CPUExecutionProvider"])
    ids = [int(i) for i in np.random.default_rng(0).integers(1, 512, size=(64, 8), dtype=np.int64)[0]]
    empty = {i.name: np.zeros((1, 4, 0, 8), np.float32) for i in session.get_inputs() if "past" in i.name}
    for _ in range(12):
        whole = np.array([ids], np.int64)
        feeds = {"input_ids": whole, "attention_mask": np.ones_like(whole), "position_ids": np.arange(len(ids))[None]}
        ids.append(int(session.run(["logits"], {**feeds, **empty})[0][0, -1].argmax()))
    generated = [run.record.summary.text_generation for run in stories.runs]
    assert [tuple(ids[8:])] * 2 == [text.token_ids for text in generated if text is not None]
    assert ["text_generation"] * 2 == [run.record.plan.model.task for run in stories.runs]


# ------------------------------------------------------------------------------------------------- user's inputs


def test_a_photograph_is_fed_as_stated(photograph: Outcome) -> None:
    """Both runs say that an image was fed, how it was prepared, and the same hash; the rerun command repeats it."""
    inputs = [run.record.plan.inputs for run in photograph.runs]
    found = [(i.source, i.shapes, i.preprocessing) for i in inputs if i is not None]
    prepared = "order=bgr,mean=104:117:123,scale=1,resize=crop256"
    assert [("image", {"data_0": (1, 3, 224, 224)}, prepared)] * 2 == found
    assert 1 == len({i.sha256 for i in inputs if i is not None})
    for run in photograph.runs:
        assert "--input data_0=grace_hopper.jpg --preprocessing order=bgr" in run.record.plan.command
        assert run.record.fidelity is not None
        assert (True, 1.0) == (run.record.fidelity.ok, run.record.fidelity.top1_agreement)


def test_arrays_are_fed_as_they_are(terminal: Terminal) -> None:
    """The hash of an .npy input is that of its name, type, shape and bytes; an .npz with the same array has it too."""
    _, model = placement_models(terminal.home)
    array = ramp((1, 3, 16, 16))
    np.save(terminal.home / "x.npy", array)
    np.savez(terminal.home / "x.npz", x=array)
    expected = hashlib.sha256(b"x\0float32\0(1, 3, 16, 16)\0" + array.astype("<f4").tobytes()).hexdigest()
    for given in ("x=x.npy", "x.npz"):
        outcome = terminal.run("-m", str(model), "-t", "qnn:htp-emu", "--input", given)
        inputs = outcome.record("wholly", "qnn:htp-emu").plan.inputs
        assert inputs is not None
        assert (expected, "file") == (inputs.sha256, inputs.source)


def test_offline_counts_throughput(offline: Outcome) -> None:
    """Two queries in flight on either runtime: queries over their window, in the user's own shape. Those at its ends
    count by fractions, so each lane is less than one from what completed inside."""
    for run in offline.runs:
        record, (repeat,) = run.record, run.record.repeats
        assert ("ok", "offline", 2) == (record.status, record.plan.scenario.name, record.plan.scenario.lanes)
        assert record.plan.inputs is not None
        assert ("file", {"x": (2, 5, 4)}) == (record.plan.inputs.source, record.plan.inputs.shapes)
        assert repeat.duration_ns is not None
        queries = len(run.arrays("latency_ns")[0])
        assert queries > 2
        assert record.summary.throughput_per_s is not None
        assert abs(record.summary.throughput_per_s * repeat.duration_ns / 1e9 - queries) < 2
        assert [2] == [len(array) for array in run.arrays("in_flight_latency_ns")]
        assert record.plan.model.macs == 2 * 5 * 4 * 3


def test_offline_on_the_emulator_is_no_failure(terminal: Terminal) -> None:
    """Throughput of an emulator says nothing: the pair is proven all the same, or skipped with its reason."""
    _, model = placement_models(terminal.home)
    record = terminal.run("-m", str(model), "-t", "qnn:htp-emu", "-s", "offline").record("wholly", "qnn:htp-emu")
    assert record.status in ("ok", "skipped")


# ---------------------------------------------------------------------------------- what holds for every record


def test_the_same_seed_gives_the_same_model_and_inputs(terminal: Terminal) -> None:
    """A built-in model and its inputs have the same hashes with an empty cache as with a full one; another seed has
    others. On the target that does nothing, as neither depends on it."""
    null = ("--plugin", bench.testing.plugins.__file__, "-t", "null:cpu", "-O", "latency_us=1000")
    found = []
    for cache, seed in (("first", "0"), ("first", "0"), ("second", "0"), ("second", "1")):
        terminal.cache = terminal.home / cache
        plan = terminal.run("-m", "mobilenet_v2", *null, "--seed", seed).record("mobilenet_v2", "null:cpu").plan
        assert plan.inputs is not None
        found.append((plan.model.sha256, plan.inputs.sha256))
    assert 1 == len(set(found[:3]))
    assert [True, True] == [a != b for a, b in zip(found[2], found[3], strict=True)]


ALL = ("vision", "decoder", "stories", "without_floats", "lenient", "strict", "photograph", "offline")


@pytest.fixture(scope="module")
def written(request: pytest.FixtureRequest) -> list[Path]:
    """The folders of all runs above."""
    return [request.getfixturevalue(name).folder for name in ALL]


def test_every_record_fits_the_published_schema(written: list[Path]) -> None:
    """ok, failed, skipped and emulated records are valid by what `odb schema` prints."""
    jsonschema = pytest.importorskip("jsonschema")
    command = [sys.executable, "-c", "from bench.cli import main; main()", "schema"]
    schema = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
    validator = jsonschema.Draft202012Validator(schema)
    records = [json.loads(file.read_text()) for folder in written for file in folder.glob("*/record.json")]
    assert [] == [error.message for record in records for error in validator.iter_errors(record)]
    assert {"ok", "failed", "skipped"} == {record["status"] for record in records}
    assert {True, False} == {record["plan"]["target"]["emulated"] for record in records}
    assert [] != list(validator.iter_errors({**records[0], "status": "fine"}))


def test_nothing_personal_is_written(written: list[Path], terminal: Terminal, realdata: Path) -> None:
    """No absolute path, folder, host name or user name is in any record or page."""
    host = re.compile(rf"(?<![\w-]){re.escape(platform.node())}(?![\w-])")
    assert None is not ABSOLUTE.search('"/home/someone/net.onnx"')
    files = [file for folder in written for file in (*folder.glob("*/record.json"), folder / "report.html")]
    assert len(files) > len(written)
    for file in files:
        text = file.read_text()
        assert [] == [word for word in (USER, str(terminal.home), str(realdata)) if word in text], file.name
        assert [None, None] == [ABSOLUTE.search(text), host.search(text)], file.name
