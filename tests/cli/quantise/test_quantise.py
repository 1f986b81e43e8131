"""``odb quantise`` in real processes: one run on a trained model that all tests look at, and what is refused."""

import json
import shlex
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bench.cli.quantise.quantise_command import command, size_bytes
from bench.cli.quantise.shown import preflight_command
from bench.contracts import ModelRequest
from bench.errors import InputError
from bench.models.files.onnx_file import OnnxFile
from bench.testing import no_phase

RESNET = "mlperf_tiny_resnet.onnx"


def quantise(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def crops(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """28 pictures of 32 × 32, labelled by what the float model says of each."""
    import onnxruntime

    folder = tmp_path_factory.mktemp("crops")
    session = onnxruntime.InferenceSession(realdata / "models" / RESNET, providers=["CPUExecutionProvider"])
    labels = {}
    for photo in sorted((realdata / "images").glob("*.[jp][pn]g")):
        with Image.open(photo) as image:
            whole = image.convert("RGB").resize((64, 64))
        for left, top in ((0, 0), (32, 32)):
            crop = whole.crop((left, top, left + 32, top + 32))
            name = f"{photo.stem}-{left}.png"
            crop.save(folder / name)
            feeds = np.asarray(crop, np.float32).transpose(2, 0, 1)[None]
            labels[name] = int(np.argmax(session.run(None, {session.get_inputs()[0].name: feeds})[0]))
    (folder / "labels.json").write_text(json.dumps(labels))
    return folder


@pytest.fixture(scope="module")
def found(realdata: Path, crops: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The outcome as JSON, and the file."""
    result = tmp_path_factory.mktemp("result") / "resnet.int8.onnx"
    done = quantise(realdata / "models" / RESNET, "--data", crops, "-o", result, "--json")
    assert 0 == done.return_value, done.output
    return json.loads(done.stdout), result


@pytest.mark.real
@pytest.mark.process
def test_samples_are_held_back(found: tuple[dict[str, Any], Path]) -> None:
    """Half of 28, which took no part in the making; each sample's hash is kept."""
    sampled = found[0]["sampled"]
    assert (28, 10, 4, 14, True) == tuple(
        sampled[k] for k in ("found", "calibrating", "choosing", "judging", "held_back")
    )
    assert 28 == len(set(sampled["hashes"]))


@pytest.mark.real
@pytest.mark.process
def test_the_least_loss_was_chosen(found: tuple[dict[str, Any], Path]) -> None:
    """On the samples for choosing; every try has its loss, with an interval, on those that were held back."""
    outcome = found[0]
    tries = [one for one in outcome["tries"] if not one["widened"]]
    assert [""] * 6 == [one["failure"] for one in tries]
    least = min(one["choosing"]["error"] for one in tries)
    assert least == outcome["tries"][outcome["chosen"]]["choosing"]["error"]
    for one in outcome["tries"]:
        low, high = one["judging"]["interval95"]
        assert 0 < low <= one["judging"]["error"] <= high < 0.05


@pytest.mark.real
@pytest.mark.process
def test_quality_is_compared_pair_by_pair(found: tuple[dict[str, Any], Path]) -> None:
    """On the labelled samples that were held back: the float model is right by definition."""
    lost = found[0]["lost"]
    assert ("classification", 14) == (lost["task"], lost["samples"])
    assert {"top1": 1.0} == {m["name"]: m["value"] for m in lost["base"] if m["name"] == "top1"}
    pair = next(one for one in lost["paired"] if one["metric"] == "top1")
    assert "exact McNemar" == pair["test"]
    assert pair["interval95"] is not None


@pytest.mark.real
@pytest.mark.process
def test_every_multiplication_is_on_the_htp(found: tuple[dict[str, Any], Path]) -> None:
    """Of an SoC without floating point; inputs and outputs are quantised on the CPU, and named."""
    pytest.importorskip("onnxruntime_qnn")
    (placed,) = found[0]["placed"]
    assert ("", {"soc": "snapdragon-778g"}) == (placed["failure"], placed["options"])
    assert {"CPU": 0, "HTP": 12501632} == placed["macs"]
    assert {"QuantizeLinear", "DequantizeLinear"} == {node.split()[0] for node in placed["elsewhere"]}
    assert placed["agreement"]["ok"] is not False


@pytest.mark.real
@pytest.mark.process
def test_layers_are_named(found: tuple[dict[str, Any], Path]) -> None:
    """The worst first; what is left in 16 bits was tried with the first of them."""
    outcome = found[0]
    own = [layer["own_sqnr_db"] for layer in outcome["layers"]]
    assert own == sorted(own)
    mixed = outcome["tries"][outcome["mixed"]]
    assert mixed["widened"] == [layer["name"] for layer in outcome["layers"][:4]]
    assert outcome["mixed"] != outcome["chosen"]


@pytest.mark.real
@pytest.mark.process
def test_the_file_its_lineage_and_its_page(found: tuple[dict[str, Any], Path], realdata: Path) -> None:
    """The sidecar confirms the file, whose metadata say the same; the page lies beside them."""
    outcome, result = found
    names = {f"{result.name}{suffix}" for suffix in ("", ".lineage.json", ".html")}
    assert names == {path.name for path in result.parent.iterdir()}
    artifact = OnnxFile().prepare(ModelRequest(str(result)), result.parent)
    assert artifact.lineage is not None
    assert artifact.lineage.confirmed is True
    (step,) = artifact.lineage.steps
    assert step.made_from is not None
    assert step.made_from.sha256 == sha256((realdata / "models" / RESNET).read_bytes()).hexdigest()
    assert step.calibration is not None
    assert (10, outcome["calibration"]["sha256"]) == (step.calibration.samples, step.calibration.sha256)
    assert outcome["result"]["sha256"] == artifact.sha256
    page = Path(f"{result}.html").read_text(encoding="utf-8")
    assert step.made_from.sha256 in page
    assert outcome["layers"][0]["name"] in page


@pytest.mark.real
@pytest.mark.process
def test_the_lineage_is_in_every_record_of_the_file(found: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """And in its report, with the hash of the calibration set."""
    from bench.reports.runs.html import HtmlReport
    from bench.scripting.measuring import run

    outcome, result = found
    (recorded,) = run(str(result), "ort:cpu", out=tmp_path / "out", repeats=1, max_seconds=0.1)
    lineage = recorded.record.plan.model.lineage
    assert lineage is not None
    assert lineage.confirmed is True
    assert outcome["lineage"] == [msgspec.to_builtins(step) for step in lineage.steps]
    assert outcome["calibration"]["sha256"] in HtmlReport().render([recorded]).decode()


@pytest.mark.real
@pytest.mark.process
def test_a_compiled_context_says_of_what_it_was_made(found: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """Source, quantised, compiled: QNN keeps the metadata of the file."""
    pytest.importorskip("onnxruntime_qnn")
    from bench.contracts import OpenRequest
    from bench.targets.qnn.target import OnnxRuntimeQnn

    artifact = OnnxFile().prepare(ModelRequest(str(found[1])), tmp_path)
    OnnxRuntimeQnn().open(OpenRequest(artifact, "htp-emu", compile_cache=tmp_path), no_phase)
    (context,) = tmp_path.rglob("*_ctx.onnx")
    lineage = OnnxFile().prepare(ModelRequest(str(context)), tmp_path).lineage
    assert lineage is not None
    assert artifact.lineage is not None
    assert artifact.lineage.steps == lineage.steps[:-1]
    assert ("compiled", "QNNExecutionProvider") == (lineage.steps[-1].kind, lineage.steps[-1].tool)
    assert lineage.confirmed is None, "nothing lies beside it"


@pytest.mark.real
@pytest.mark.process
def test_a_dry_run_writes_nothing(realdata: Path, crops: Path, tmp_path: Path) -> None:
    """It reads model and samples, and says what would be tried."""
    result = tmp_path / "a.onnx"
    done = quantise(realdata / "models" / RESNET, "--data", crops, "-o", result, "--dry-run")
    assert 0 == done.return_value
    assert "28 samples: ranges from 10, the method is chosen on 4 others" in done.output
    assert "percentile 99.999, by channel" in done.output
    assert [] == [*tmp_path.iterdir()]


@pytest.mark.parametrize(("text", "size"), [("2MB", 2_000_000), ("1.5MiB", 1_572_864), ("400 kB", 400_000), ("17", 17)])
def test_sizes(text: str, size: int) -> None:
    """As people write them."""
    assert size == size_bytes(text)


@pytest.mark.parametrize("text", ["", "much", "2 ms", "-1MB", "1e3"])
def test_no_sizes(text: str) -> None:
    """The remedy shows how to write one."""
    with pytest.raises(InputError, match=r"--max-size: .* is not a size"):
        size_bytes(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "int9"), "unknown --to of the quantiser onnx: int9"),
        (("--for", "qnx"), "unknown quantiser: qnx"),
        (("-o", "m.onnx"), "m.onnx would replace a file of the model itself"),
        (("-o", "m.xml"), "-o: m.xml does not end with .onnx"),
        (("-o", "there.onnx"), "there.onnx exists already"),
        (("-o", "no/where.onnx"), "there is no folder no"),
        (("--samples", "0"), "--samples must be at least 1, not 0"),
        (("--mixed", "-1"), "--mixed must be at least 0, not -1"),
        (("--preprocessing", "mean=x"), "mean=x"),
        (("--shape", "x"), "--shape"),
    ],
)
def test_bad_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    """Before anything is read."""
    monkeypatch.chdir(tmp_path)
    for name in ("m.onnx", "there.onnx"):
        (tmp_path / name).write_bytes(b"x")
    done = quantise("m.onnx", "--data", "photos", *arguments)
    assert isinstance(done.exception, InputError)
    assert message in done.exception.message


def test_the_command_that_is_shown_can_be_typed() -> None:
    """A file that begins with a dash is no option, and a quote ends nothing."""
    assert preflight_command(Path("net.int8.onnx")) == "odb preflight net.int8.onnx"
    assert shlex.split(preflight_command(Path("-모델 '1.onnx"))) == ["odb", "preflight", "./-모델 '1.onnx"]
