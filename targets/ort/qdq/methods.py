"""What is tried of ONNX Runtime's quantisation tool: how ranges are found, and how weights and activations are stored.

Options are of ``onnxruntime.quantization.execution_providers.qnn.get_qnn_qdq_config``, by its names. QNN takes weights
by channel only where they are signed and symmetric, so those are ``QInt8``.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bench.contracts import Method

PERCENTILE = "percentile"
BY_TENSOR = {"per_channel": "False", "weight_type": "QUInt8"}
BY_CHANNEL = {"per_channel": "True", "weight_type": "QInt8", "weight_symmetric": "True"}
FOUR_BITS = {"per_channel": "True", "weight_type": "QInt4", "weight_symmetric": "True"}
EIGHT = {"activation_type": "QUInt8"}
SIXTEEN = {"activation_type": "QUInt16"}
SYMMETRIC = {"activation_symmetric": "True"}
MINMAX = {"calibrate_method": "MinMax"}
ENTROPY = {"calibrate_method": "Entropy"}
MOST_PERCENTILE = {"calibrate_method": "Percentile", PERCENTILE: "99.999"}
PERCENTILE_99_9 = {"calibrate_method": "Percentile", PERCENTILE: "99.9"}

METHODS: Mapping[str, Sequence[Method]] = MappingProxyType(
    {
        "int8": (
            Method("minmax", MINMAX | BY_TENSOR | EIGHT),
            Method("minmax, by channel", MINMAX | BY_CHANNEL | EIGHT),
            Method("percentile 99.999, by channel", MOST_PERCENTILE | BY_CHANNEL | EIGHT),
            Method("percentile 99.9, by channel", PERCENTILE_99_9 | BY_CHANNEL | EIGHT),
            Method("entropy, by channel", ENTROPY | BY_CHANNEL | EIGHT),
            Method("minmax, by channel, symmetric", MINMAX | BY_CHANNEL | EIGHT | SYMMETRIC),
        ),
        "w8a16": (
            Method("minmax", MINMAX | BY_TENSOR | SIXTEEN),
            Method("minmax, by channel", MINMAX | BY_CHANNEL | SIXTEEN),
            Method("percentile 99.999, by channel", MOST_PERCENTILE | BY_CHANNEL | SIXTEEN),
            Method("minmax, by channel, symmetric", MINMAX | BY_CHANNEL | SIXTEEN | SYMMETRIC),
        ),
        "w4a16": (
            Method("minmax, by channel", MINMAX | FOUR_BITS | SIXTEEN),
            Method("percentile 99.999, by channel", MOST_PERCENTILE | FOUR_BITS | SIXTEEN),
            Method("minmax, by channel, symmetric", MINMAX | FOUR_BITS | SIXTEEN | SYMMETRIC),
        ),
    }
)
"""By scheme, the most usual first."""
