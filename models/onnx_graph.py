"""Writes an ONNX graph node by node: what the built-in models share."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import TensorSpec

if TYPE_CHECKING:
    import numpy as np
    import onnx

OPSET = 17
IR_VERSION = 8  # the first that carries opset 17; newer ones shut older runtimes out


class GraphWriter:
    """A graph under construction. Values are named after the node that makes them."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: "np.ndarray[Any, Any]") -> str:
        """Store ``value`` once under ``name``; a second call with the name returns the first."""
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(value, name)
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
        """Write the graph to ``path``, weights inside the file."""
        import onnx
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
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        onnx.save(model, path)


def _value_info(spec: TensorSpec) -> "onnx.ValueInfoProto":
    import numpy as np
    from onnx import helper

    return helper.make_tensor_value_info(spec.name, helper.np_dtype_to_tensor_dtype(np.dtype(spec.dtype)), spec.shape)
