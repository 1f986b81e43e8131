"""Logits with NaN among them: one rule on every engine."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.contracts import ConvertingTarget, ModelRequest, NextLogitsSession, OpenRequest, Target, TokenSession
from bench.errors import RunFailure
from bench.measure.text_driver import open_text
from bench.models.files.onnx_file import OnnxFile
from bench.plugins import discover, load
from bench.quality.text.sampling import Sampling, drawn
from bench.targets.qnn.tokens import Runner
from bench.testing import no_phase

pytestmark = pytest.mark.real

Ids = np.ndarray[Any, np.dtype[np.int64]]

TARGETS = {"ort": "cpu", "openvino": "CPU", "ort-genai": "cpu", "qnn": "htp-emu"}
TOKEN = 77
"""Whose logit is NaN."""


@pytest.fixture(scope="module")
def broken(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """stories260K with NaN added to one of its logits."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(realdata / "llm" / "stories260K" / "model.onnx")
    for node in model.graph.node:
        node.output[:] = ["finite" if name == "logits" else name for name in node.output]
    added = np.zeros(512, np.float32)
    added[TOKEN] = np.nan
    model.graph.initializer.append(onnx.numpy_helper.from_array(added, "added"))
    model.graph.node.append(onnx.helper.make_node("Add", ["finite", "added"], ["logits"]))
    path = tmp_path_factory.mktemp("broken") / "model.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("name", list(TARGETS))
def test_nothing_is_chosen_from_nan_on_any_engine(
    name: str, broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``next_logits`` hands it out as it comes. A text that is drawn ends the run with the words of a greedy one."""
    ran = Runner.run

    def run(self: Runner, tokens: Ids, positions: Ids, length: int) -> Any:
        """The HTP computes with a number instead of the NaN in the file: it is put into what comes out."""
        found = ran(self, tokens, positions, length).copy()
        found[..., TOKEN] = np.nan
        return found

    monkeypatch.setattr(Runner, "run", run)
    target: Target = load(discover(()).find("targets", name))
    for distribution in target.requires:
        pytest.importorskip(distribution.replace("-", "_"))
    device = TARGETS[name]
    if not any(one.name == device and one.usable for one in target.devices()):
        pytest.skip(f"{name}:{device} is not usable here")
    artifact = OnnxFile().prepare(ModelRequest(str(broken)), tmp_path)
    (tmp_path / "converted").mkdir()
    if isinstance(target, ConvertingTarget) and target.converts(artifact, device, {}):
        artifact = target.convert(artifact, tmp_path / "converted", device, {})
    request = OpenRequest(artifact, device, {}, prompt_tokens=2, decode_context=16)
    session = target.open(request, no_phase)
    assert isinstance(session, TokenSession)
    assert isinstance(session, NextLogitsSession)
    session.reset()
    for ids in ([1, 403, 407], [261]):
        assert [TOKEN] == np.flatnonzero(np.isnan(session.next_logits(np.array(ids)))).tolist()
    session.reset()
    with pytest.raises(RunFailure, match="the logits hold NaN") as greedily:
        session.prefill(np.array([1, 403, 407]))
    begin = open_text(target, request, no_phase).begin_text
    assert begin is not None
    with pytest.raises(RunFailure) as by_draw:
        drawn(begin(), np.array([1, 403, 407]), 4, 0, Sampling(1.0))
    told = [(one.value.kind, one.value.message, one.value.remedy) for one in (greedily, by_draw)]
    assert told[0] == told[1]
