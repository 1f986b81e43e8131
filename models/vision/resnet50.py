"""ResNet-50 (He et al. 2015, table 1) with the stride in the 3 × 3 convolution, as torchvision and MLPerf have it:
25,557,032 parameters, 4.09 GMACs at 224 × 224."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contracts import Artifact, Format, ModelRequest, Task
from bench.words import sentence

if TYPE_CHECKING:
    from bench.models.vision.convnet import ConvNet

NAME = "resnet50"
VERSION = 1  # raise it when a change alters the file written

STEM_CHANNELS = 64
EXPANSION = 4
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # width, blocks, stride of the first
RESIDUAL_SCALE = 0.5


class ResNet50:
    """The architecture with seeded weights, float32, one image of 3 × 224 × 224."""

    summary = sentence("model.summary.resnet50")
    task: Task = "tensor"
    formats: Sequence[Format] = ("onnx",)
    precisions: Sequence[str] = ("float32",)

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        from bench.models.vision.convnet import prepare_classifier

        return prepare_classifier(NAME, VERSION, _layers, request, cache)

    def described(self, request: ModelRequest, folder: Path) -> Artifact:
        from bench.models.vision.convnet import described_classifier

        return described_classifier(NAME, request, folder)


def _layers(net: "ConvNet") -> str:
    from bench.models.vision.convnet import IMAGE, LINEAR_GAIN

    value = net.convolution(IMAGE.name, "stem.conv", (3, STEM_CHANNELS), kernel=7, stride=2, gain=LINEAR_GAIN)
    value = _norm_relu(net, value, "stem", STEM_CHANNELS)
    value = net.node("MaxPool", (value,), "stem.pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = STEM_CHANNELS
    for stage, (width, blocks, stride) in enumerate(STAGES):
        for block in range(blocks):
            value = _bottleneck(net, value, f"stage{stage}.block{block}", channels, width, stride if block == 0 else 1)
            channels = width * EXPANSION
    return net.classifier(value, channels)


def _bottleneck(net: "ConvNet", value: str, name: str, channels: int, width: int, stride: int) -> str:
    """1 × 1 to ``width``, 3 × 3, 1 × 1 to four times ``width``, added to the input or its projection."""
    out = width * EXPANSION
    branch = net.convolution(value, f"{name}.reduce.conv", (channels, width))
    branch = _norm_relu(net, branch, f"{name}.reduce", width)
    branch = net.convolution(branch, f"{name}.spatial.conv", (width, width), kernel=3, stride=stride)
    branch = _norm_relu(net, branch, f"{name}.spatial", width)
    branch = net.convolution(branch, f"{name}.expand.conv", (width, out))
    branch = net.batch_norm(branch, f"{name}.expand.norm", out, RESIDUAL_SCALE)
    if channels != out:
        value = net.convolution(value, f"{name}.shortcut.conv", (channels, out), stride=stride)
        value = net.batch_norm(value, f"{name}.shortcut.norm", out)
    return net.node("Relu", (net.node("Add", (value, branch), f"{name}.add"),), f"{name}.relu")


def _norm_relu(net: "ConvNet", value: str, name: str, channels: int) -> str:
    return net.node("Relu", (net.batch_norm(value, f"{name}.norm", channels),), f"{name}.relu")
