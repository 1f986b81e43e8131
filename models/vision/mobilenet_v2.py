"""MobileNetV2 at width 1.0 (Sandler et al. 2018, table 2): 3,504,872 parameters, 0.30 GMACs at 224 × 224."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contracts import Artifact, Format, ModelRequest, Task
from bench.words import sentence

if TYPE_CHECKING:
    from bench.models.vision.convnet import ConvNet

NAME = "mobilenet_v2"
VERSION = 1  # raise it when a change alters the file written

STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
STAGES = (  # expansion, channels, blocks, stride of the first
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
RESIDUAL_SCALE = 0.5


class MobileNetV2:
    """The architecture with seeded weights, float32, one image of 3 × 224 × 224."""

    summary = sentence("model.summary.mobilenet_v2")
    task: Task = "tensor"
    formats: Sequence[Format] = ("onnx",)
    precisions: Sequence[str] = ("float32",)
    default = True

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        from bench.models.vision.convnet import prepare_classifier

        return prepare_classifier(NAME, VERSION, _layers, request, cache)

    def described(self, request: ModelRequest, folder: Path) -> Artifact:
        from bench.models.vision.convnet import described_classifier

        return described_classifier(NAME, request, folder)


def _layers(net: "ConvNet") -> str:
    from bench.models.vision.convnet import IMAGE, LINEAR_GAIN

    value = _unit(net, IMAGE.name, "stem", (3, STEM_CHANNELS), kernel=3, stride=2, gain=LINEAR_GAIN)
    channels = STEM_CHANNELS
    for stage, (expansion, out, blocks, stride) in enumerate(STAGES):
        for block in range(blocks):
            name = f"stage{stage}.block{block}"
            value = _inverted_residual(net, value, name, (channels, out), expansion, stride if block == 0 else 1)
            channels = out
    value = _unit(net, value, "head", (channels, HEAD_CHANNELS), gain=LINEAR_GAIN)
    return net.classifier(value, HEAD_CHANNELS)


def _unit(
    net: "ConvNet",
    value: str,
    name: str,
    channels: tuple[int, int],
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    gain: float = 1.0,
) -> str:
    """Convolution, batch normalisation, ReLU6."""
    import numpy as np

    value = net.convolution(value, f"{name}.conv", channels, kernel, stride, groups, gain)
    value = net.batch_norm(value, f"{name}.norm", channels[1])
    bounds = (net.constant("relu6.min", np.array(0, np.float32)), net.constant("relu6.max", np.array(6, np.float32)))
    return net.node("Clip", (value, *bounds), f"{name}.relu6")


def _inverted_residual(
    net: "ConvNet", value: str, name: str, channels: tuple[int, int], expansion: int, stride: int
) -> str:
    from bench.models.vision.convnet import LINEAR_GAIN, RELU_GAIN

    inside = channels[0] * expansion
    residual = stride == 1 and channels[0] == channels[1]
    branch = value
    if expansion != 1:
        branch = _unit(net, branch, f"{name}.expand", (channels[0], inside), gain=LINEAR_GAIN)
    branch = _unit(
        net, branch, f"{name}.depthwise", (inside, inside), kernel=3, stride=stride, groups=inside, gain=RELU_GAIN
    )
    branch = net.convolution(branch, f"{name}.project.conv", (inside, channels[1]))
    branch = net.batch_norm(branch, f"{name}.project.norm", channels[1], RESIDUAL_SCALE if residual else 1.0)
    return net.node("Add", (value, branch), f"{name}.add") if residual else branch
