"""A picture's levels as a tensor by OpenVINO's ``PrePostProcessor``: types, layout, mean and scale.

It runs as a graph of its own on one thread of the CPU, whatever device the model is on, so that the stage is timed
apart from the network. Pictures are not resized by it: its ``RESIZE_BILINEAR_PILLOW`` differs from Pillow by up to two
levels and takes several times as long; see docs/experiments.md, "Pictures as tensors".
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from bench.contracts import Levels, Normaliser

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LAYOUTS = {"nchw": "CHW", "nhwc": "HWC"}
CONFIG = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}


def prepared_by_openvino(levels: Levels) -> Normaliser | None:
    """``None`` for tensors of another type than float32: integers are rounded, which it does not do."""
    if levels.dtype != "float32" or levels.layout not in LAYOUTS:
        return None
    import numpy as np
    import openvino
    from openvino import opset13
    from openvino.preprocess import PrePostProcessor

    batch = "N" if len(levels.shape) == len(levels.size) + 1 else ""
    given = np.zeros((*([1] if batch else []), *levels.size), np.uint8)
    parameter = opset13.parameter(openvino.Shape(list(levels.shape)), openvino.Type.f32, name="tensor")
    graph = PrePostProcessor(openvino.Model([opset13.result(parameter)], [parameter], "levels"))
    tensor = graph.input().tensor()
    tensor.set_element_type(openvino.Type.u8).set_layout(openvino.Layout(f"{batch}HWC"))
    steps = graph.input().preprocess().convert_element_type(openvino.Type.f32)
    steps.mean(each(levels.mean, levels.size[2])).scale(each(levels.scale, levels.size[2]))
    graph.input().model().set_layout(openvino.Layout(f"{batch}{LAYOUTS[levels.layout]}"))
    request = openvino.Core().compile_model(graph.build(), "CPU", CONFIG).create_infer_request()
    request.set_input_tensor(openvino.Tensor(given, shared_memory=True))
    pixels = given[0] if batch else given
    return Normaliser(
        partial(_run, request, pixels), {"OpenVINO PrePostProcessor": openvino.__version__.partition("-")[0]}
    )


def each(numbers: tuple[float, ...], channels: int) -> list[float]:
    """A number for each channel."""
    return list(numbers) if len(numbers) == channels else [*numbers] * channels


def _run(request: Any, given: "Array", levels: "Array") -> "Array":
    given[...] = levels
    request.infer(share_outputs=True)
    made: Array = request.get_output_tensor().data.copy()
    return made
