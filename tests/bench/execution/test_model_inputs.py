"""Shapes and inputs that were given for all models of a command go to those that have such an input."""

import onnx
import pytest
from onnx import TensorProto, helper

from bench.cli.asked import with_tensors
from bench.errors import UnknownName
from bench.suite.suite import ModelAsk

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelAsk, ModelAsk]:
    """``one`` has the inputs x and y of any size, ``two`` has x and z."""
    folder = tmp_path_factory.mktemp("models")

    def model(name: str, inputs: tuple[str, str]) -> ModelAsk:
        given = [helper.make_tensor_value_info(one, TensorProto.FLOAT, ["n", f"{one}_size"]) for one in inputs]
        result = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
        graph = helper.make_graph([helper.make_node("Add", inputs, ["out"])], name, given, [result])
        opset = [helper.make_opsetid("", 17)]
        path = folder / f"{name}.onnx"
        onnx.save(helper.make_model(graph, ir_version=9, opset_imports=opset), path)
        return ModelAsk(str(path))

    return model("one", ("x", "y")), model("two", ("x", "z"))


def test_each_model_gets_those_that_it_has(models: tuple[ModelAsk, ModelAsk]) -> None:
    """The plain form; one that names a model stays with it, also where the model lacks the input, which its run then
    says."""
    shapes, inputs = ["x=1,2", "y=1,2", "z=1,2", "two:q=3"], ["y=a.npy", "one:r=b.npy"]
    one, two = with_tensors(models, shapes, inputs, None)
    assert ({"x": (1, 2), "y": (1, 2)}, {"y": "a.npy", "r": "b.npy"}) == (one.shapes, one.inputs)
    assert ({"x": (1, 2), "z": (1, 2), "q": (3,)}, {}) == (two.shapes, two.inputs)


def test_a_name_that_no_model_has_is_refused(models: tuple[ModelAsk, ModelAsk]) -> None:
    """With the nearest; of one model alone its own run says so."""
    with pytest.raises(UnknownName, match="input of the models in --shape: zz") as refused:
        with_tensors(models, ["x=1,2", "y=1,2", "z=1,2", "zz=1,2"], [], None)
    assert "z" in refused.value.remedy
    assert {"zz": (1, 2)} == with_tensors(models[:1], ["zz=1,2"], [], None)[0].shapes
