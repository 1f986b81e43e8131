"""What the convolutional classifiers share: layers with seeded weights, and their preparation.

The weights are random, so the networks do not classify; their arithmetic, memory traffic and operators are those of the
published architecture. They are scaled so that activations keep about unit variance from input to logits. Filters sum
to zero: after a ReLU every channel has a positive mean, which plain He initialisation would let drown whatever the
image contributes (Brock, De and Smith 2021, "Characterizing signal propagation to close the performance gap in
unnormalized ResNets").
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import Artifact, GraphFacts, ModelRequest, TensorSpec
from bench.models.build_cache import cached_build
from bench.models.built import built_artifact, checked_request, described_artifact
from bench.models.onnx.graph import GraphWriter

if TYPE_CHECKING:
    import numpy as np

IMAGE = TensorSpec("input", "float32", (1, 3, 224, 224))
CLASSES = 1000
LOGITS = TensorSpec("logits", "float32", (1, CLASSES))
LINEAR_GAIN = 1.0
RELU_GAIN = math.sqrt(2 / (1 - 1 / math.pi))  # 1 / standard deviation of max(0, N(0, 1))

EPSILON = 1e-5


class ConvNet(GraphWriter):
    """A graph of convolutions under construction; its weights follow from ``seed`` and the order of the calls."""

    def __init__(self, seed: int) -> None:
        import numpy as np

        super().__init__()
        self._random = np.random.default_rng(seed)

    def convolution(
        self,
        value: str,
        name: str,
        channels: tuple[int, int],
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        gain: float = RELU_GAIN,
    ) -> str:
        """A convolution without bias, from ``channels[0]`` to ``channels[1]``, padded to keep the size at stride 1.

        ``gain`` undoes what the operation before took from the variance: ``RELU_GAIN`` or ``LINEAR_GAIN``.
        """
        shape = (channels[1], channels[0] // groups, kernel, kernel)
        weight = self.constant(f"{name}.weight", self._filters(shape, gain))
        return self.node(
            "Conv",
            (value, weight),
            name,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[kernel // 2] * 4,
            group=groups,
        )

    def batch_norm(self, value: str, name: str, channels: int, scale: float = 1.0) -> str:
        """Batch normalisation in its inference form: two parameters per channel, and two statistics that are not
        parameters."""
        import numpy as np

        noise = self._random.standard_normal((4, channels)).astype(np.float32) * np.float32(0.1)
        constants = {
            "weight": np.float32(scale) * (1 + noise[0]),
            "bias": np.float32(scale) * noise[1],
            "running_mean": noise[2],
            "running_var": np.exp(noise[3]),
        }
        names = [self.constant(f"{name}.{part}", array) for part, array in constants.items()]
        return self.node("BatchNormalization", (value, *names), name, epsilon=EPSILON)

    def classifier(self, value: str, channels: int) -> str:
        """Average over the image, then one fully connected layer to ``CLASSES`` logits."""
        import numpy as np

        pooled = self.node("GlobalAveragePool", (value,), "pool")
        flat = self.node("Flatten", (pooled,), "flatten", axis=1)
        weight = self.constant("classifier.weight", self._filters((CLASSES, channels), RELU_GAIN))
        bias = self._random.standard_normal(CLASSES).astype(np.float32) * np.float32(0.1)
        names = (flat, weight, self.constant("classifier.bias", bias))
        self.split_node("Gemm", names, "classifier", ("logits",), transB=1)
        return "logits"

    def _filters(self, shape: tuple[int, ...], gain: float) -> "np.ndarray[Any, Any]":
        import numpy as np

        weights = self._random.standard_normal(shape, np.float32).reshape(shape[0], -1)
        weights -= weights.mean(axis=1, keepdims=True)
        return (weights * np.float32(gain / math.sqrt(weights.shape[1]))).reshape(shape)


def prepare_classifier(
    name: str, version: int, layers: Callable[[ConvNet], str], request: ModelRequest, cache: Path
) -> Artifact:
    """The artifact of an image classifier: ``layers`` adds its nodes to a net, from ``IMAGE`` to ``logits``.

    Raises ``InputError`` for a format, precision or shape the network does not come in.
    """
    shapes = checked_request(name, request, (IMAGE,))

    def write(path: Path) -> None:
        net = ConvNet(request.seed)
        layers(net)
        net.save(path, name, (IMAGE,), (LOGITS,))

    recipe = {"version": version, "precision": "float32", "seed": request.seed, "shapes": shapes}
    return built_artifact(name, cached_build(cache, name, recipe, write), shapes)


def described_classifier(name: str, request: ModelRequest, folder: Path) -> Artifact:
    """Raises ``InputError`` as ``prepare_classifier`` does."""
    shapes = checked_request(name, request, (IMAGE,))
    return described_artifact(name, folder, GraphFacts((IMAGE,), (LOGITS,)), shapes)
