"""Writes an ONNX graph node by node: what the built-in models share."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import TensorSpec
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np
    import onnx

    from bench.models.onnx.weights import WeightFile

OPSET = 17
IR_VERSIONS = {17: 8, 21: 10}  # the first that carries the opset; newer ones shut older runtimes out


class GraphWriter:
    """A graph under construction. Values are named after the node that makes them.

    With ``weights`` large tensors go to that file as they come, and are not held in memory.
    """

    def __init__(self, opset: int = OPSET, weights: "WeightFile | None" = None) -> None:
        self.opset = opset
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: "np.ndarray[Any, Any]") -> str:
        """Store ``value`` once under ``name``; a second call with the name returns the first."""
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(value, name)
        return name

    def weight(self, name: str, elem_type: int, dims: Sequence[int], pieces: "Iterable[np.ndarray[Any, Any]]") -> str:
        """Store a tensor that comes in pieces, in the order of its elements, to the file of weights."""
        if self._weights is None:
            raise ValueError(sentence("model.graph_without_weights_file"))
        self._constants[name] = self._weights.tensor(name, elem_type, dims, pieces)
        return name

    def same_weight(self, name: str, stored: str) -> str:
        """A second tensor of the same data as ``stored``: in the file of weights it lies once."""
        import onnx

        twin = onnx.TensorProto()
        twin.CopyFrom(self._constants[stored])
        twin.name = name
        self._constants[name] = twin
        return name

    def node(self, op: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Add a node with one output, which carries the node's name. Returns it."""
        return self.split_node(op, inputs, name, (name,), **attributes)[0]

    def split_node(
        self, op: str, inputs: Sequence[str], name: str, outputs: Sequence[str], **attributes: Any
    ) -> Sequence[str]:
        """Add a node with these outputs. Returns them."""
        from onnx import helper

        self._nodes.append(helper.make_node(op, list(inputs), list(outputs), name, **attributes))
        return outputs

    def save(self, path: Path, name: str, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
        """Write the graph to ``path``, including the weights that are not in a separate file."""
        from onnx import helper

        graph = helper.make_graph(
            self._nodes,
            name,
            [_value_info(spec) for spec in inputs],
            [_value_info(spec) for spec in outputs],
            list(self._constants.values()),
        )
        model = helper.make_model(
            graph,
            producer_name="ondevice-bench",
            ir_version=IR_VERSIONS[self.opset],
            opset_imports=[helper.make_opsetid("", self.opset)],
        )
        path.write_bytes(model.SerializeToString())


def _value_info(spec: TensorSpec) -> "onnx.ValueInfoProto":
    import numpy as np
    from onnx import helper

    return helper.make_tensor_value_info(spec.name, helper.np_dtype_to_tensor_dtype(np.dtype(spec.dtype)), spec.shape)
