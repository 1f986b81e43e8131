"""The time from file to answer, compared with a plain loop that knows nothing of this project: Pillow, NumPy and ONNX
Runtime on the same photographs, in turns in one process."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from bench.contracts import ModelRequest, OpenRequest
from bench.measure.staged.queries import Staged, time_passes
from bench.measure.text_driver import open_tensors
from bench.pipelines.asked import PipelineAsk, PipelineOpening
from bench.pipelines.opening import open_staged, tried
from bench.plugins import discover, load
from bench.stats.ratio import paired_log_ratio
from bench.stats.timeline import Timeline
from bench.testing import no_phase

onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = [pytest.mark.perf, pytest.mark.real]

ROUNDS, WARM = 60, 4
"""Passes of each side."""
WITHIN = 0.05
ONE_THREAD = {"intra_op_num_threads": "1"}
"""Both sessions stay open: the threads of the one that rests would still spin while the other works."""
MODELS = {
    "squeezenet_fp16.onnx": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "mlperf_tiny_resnet.onnx": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
"""Model -> mean and scale of its input."""


def staged(model: Path, photos: Path, cache: Path, preprocessing: str) -> Staged:
    """What ``odb run --pipeline classification`` times."""
    catalog = discover()
    plugin = catalog.find("models", ".onnx")
    artifact = load(plugin).prepare(ModelRequest(str(model)), cache)
    ask = PipelineAsk(kind="classification", folder=photos, preprocessing=preprocessing)
    found = tried(ask, plugin, artifact, 1)
    session = open_tensors(load(catalog.find("targets", "ort")), OpenRequest(artifact, "cpu", ONE_THREAD), no_phase)
    session.bind(found.feeds[0])()
    return open_staged(PipelineOpening(ask=ask, model=plugin, artifact=artifact, files=found.files), session)


def plain(model: Path, files: list[Path], mean: tuple[float, ...], scale: tuple[float, ...]) -> Callable[[], Any]:
    """A pass as somebody writes it who has the documentation of the three libraries, and copies no picture."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    nchw = given.shape[1] == 3
    height, width = given.shape[2:] if nchw else given.shape[1:3]
    dtype = {"tensor(float16)": np.float16, "tensor(float)": np.float32}[given.type]
    middle, spread = np.array(mean, np.float32), np.array(scale, np.float32)

    def one_pass() -> list[Any]:
        best = []
        for file in files:
            with Image.open(file) as image:
                ImageOps.exif_transpose(image, in_place=True)
                picture = image.convert("RGB") if image.mode != "RGB" else image
                picture.load()
            small = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR), np.float32)
            values = (small - middle) / spread
            if nchw:
                values = values.transpose(2, 0, 1)
            (scores,) = session.run(None, {given.name: np.ascontiguousarray(values[np.newaxis], dtype)})
            best.append(np.argsort(-scores.ravel())[:5])
        return best

    return one_pass


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", MODELS)
def test_it_is_that_of_a_plain_loop(name: str, realdata: Path, tmp_path: Path, benchmark: Any) -> None:
    """What a pass over the photographs takes, within ``WITHIN``. The sides take turns, and which of them begins
    alternates."""
    mean, scale = MODELS[name]
    text = f"mean={':'.join(map(str, mean))},scale={':'.join(map(str, scale))}"
    ours = staged(realdata / "models" / name, realdata / "images", tmp_path, text)
    loop = plain(realdata / "models" / name, list(ours.items), mean, scale)
    taken: dict[str, list[int]] = {"ours": [], "plain": []}

    def our_pass() -> int:
        timeline = Timeline()
        time_passes(ours, 1, timeline)
        return int(timeline.latency_ns()[0])

    def plain_pass() -> int:
        begin = time.perf_counter_ns()
        loop()
        return time.perf_counter_ns() - begin

    sides = {"ours": our_pass, "plain": plain_pass}

    def pair() -> None:
        order = [*sides] if len(taken["ours"]) % 2 else [*sides][::-1]
        for side in order:
            taken[side].append(sides[side]())

    benchmark.pedantic(pair, rounds=WARM + ROUNDS)
    a, b = (np.array(taken[side][WARM:]) for side in sides)
    found = paired_log_ratio(np.log(a / b).tolist())
    for side, each in zip(sides, (a, b), strict=True):
        benchmark.extra_info[f"{side}_ms"] = float(each.mean()) / len(ours.items) / 1e6
    benchmark.extra_info["ratio"], benchmark.extra_info["interval"] = found.ratio, found.interval()
    assert abs(found.ratio - 1) < WITHIN
