"""Recognises the plain decoder that this project builds: which values of its graph are the parts of attention.

A graph is taken only with this project's name as its producer, and only if every attention in it is, operator for
operator and constant for constant, the one that the builder writes. Any other graph is opened as it is in the file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Artifact

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, Any]

PRODUCER = "ondevice-bench"
MASKED = -1e4


class Rotation(Struct, frozen=True):
    """``frequencies``: radians a position of each pair of rotated numbers, float32 [rotated / 2]. ``magnitude``
    multiplies cosine and sine. ``unrotated``: the value before it, [B, heads, S, head_dim]. ``cosine``, ``sine``: the
    values that it is multiplied by, [B, 1, S, rotated], in the type of the cache."""

    unrotated: str
    frequencies: "Array"
    magnitude: float = 1.0
    cosine: str = ""
    sine: str = ""

    @property
    def width(self) -> int:
        """Numbers of each head that are rotated, the first ones."""
        return 2 * len(self.frequencies)


class Attention(Struct, frozen=True):
    """Names of values in the graph. ``query``, ``key``, ``value``: [B, heads, S, head_dim], of the new tokens and after
    the rotation; ``past`` and ``present``: of key and value. ``mixed``: the result, [B, S, heads × head_dim]. ``mask``:
    [B, 1, S, P+S]. ``products``: the nodes whose work becomes that of the fused operator. ``window``: tokens that a
    query sees, itself among them; ``None``: all before it. ``query_rotation``, ``key_rotation``: ``None`` where these
    are not rotated, or in a way that is not followed."""

    heads: int
    kv_heads: int
    head_dim: int
    query: str
    key: str
    value: str
    past: tuple[str, str]
    present: tuple[str, str]
    mixed: str
    mask: str
    scale: float
    products: tuple[str, ...]
    window: int | None = None
    query_rotation: Rotation | None = None
    key_rotation: Rotation | None = None

    @property
    def rotated_alike(self) -> bool:
        """Whether query and key are rotated by one operator's rule."""
        one, other = self.query_rotation, self.key_rotation
        return (
            one is not None
            and other is not None
            and one.magnitude == other.magnitude
            and one.frequencies.tobytes() == other.frequencies.tobytes()
        )


class Norm(NamedTuple):
    """An RMSNorm of ``value`` by ``weight``, whose result is ``output``."""

    value: str
    weight: str
    epsilon: float
    output: str


class PlainDecoder:
    """The graph, and what was found in it."""

    def __init__(self, model: "onnx.ModelProto") -> None:
        """Raises ``ValueError`` for a graph in which an attention is another than the builder's."""
        self.model = model
        self.values = Values(model.graph)
        self.attentions = tuple(self._attentions())
        self.norms = tuple(self._norms())

    def _attentions(self) -> Iterator[Attention]:
        made_by = self.values.made_by
        for layer in range(sum(name.startswith("present.") for name in self.values.outputs) // 2):
            key, value = f"present.{layer}.key", f"present.{layer}.value"
            if key not in made_by or value not in made_by:
                raise ValueError(key)
            yield self._attention(layer, key, value)

    def _attention(self, layer: int, present_key: str, present_value: str) -> Attention:
        v = self.values
        past_key, key = v.inputs_of(present_key, "Concat", axis=2)
        past_value, value = v.inputs_of(present_value, "Concat", axis=2)
        if (past_key, past_value) != (f"past_key_values.{layer}.key", f"past_key_values.{layer}.value"):
            raise ValueError(past_key)
        keys = v.reader(present_key, "Transpose", perm=[0, 1, 3, 2])
        scores = v.reader(keys, "MatMul", place=1)
        grouped_query = v.inputs_of(scores, "MatMul")[0]
        query = v.regrouped(grouped_query)
        scaled = v.reader(v.regrouped_on(scores), "Mul", place=0)
        scale = v.number(v.inputs_of(scaled, "Mul")[1])
        masked = v.reader(scaled, "Add", place=0)
        mask = v.inputs_of(masked, "Add")[1]
        shares = v.reader(masked, "Softmax", axis=-1)
        mix = v.reader(v.regrouped_on(shares), "MatMul", place=0)
        if v.inputs_of(mix, "MatMul")[1] != present_value:
            raise ValueError(mix)
        by_token = v.reader(v.regrouped_on(mix), "Transpose", perm=[0, 2, 1, 3])
        mixed = v.reader(by_token, "Reshape", place=0)
        kv_heads, head_dim = v.cache_sizes(past_key)
        merged = v.array(v.inputs_of(mixed, "Reshape")[1])
        if merged.shape != (3,) or list(merged[:2]) != [0, 0] or merged[2] % head_dim or v.readers(present_key) != 1:
            raise ValueError(mixed)
        query_rotation, key_rotation = v.rotation(query), v.rotation(key)
        return Attention(
            heads=int(merged[2]) // head_dim,
            kv_heads=kv_heads,
            head_dim=head_dim,
            query=query,
            key=key,
            value=value,
            past=(past_key, past_value),
            present=(present_key, present_value),
            mixed=mixed,
            mask=mask,
            scale=scale,
            products=(v.made_by[scores].name, v.made_by[mix].name),
            window=v.window(mask),
            query_rotation=query_rotation,
            key_rotation=key_rotation,
        )

    def _norms(self) -> Iterator[Norm]:
        for node in self.model.graph.node:
            if node.op_type == "Div":
                try:
                    yield self.values.norm(node.output[0])
                except ValueError:
                    continue


class Values:
    """The values of a graph: what makes each, who reads it, and its constants. Each method raises ``ValueError`` where
    the graph is another than the builder's."""

    def __init__(self, graph: "onnx.GraphProto") -> None:
        self.made_by = {name: node for node in graph.node for name in node.output}
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.inputs = {value.name: value for value in graph.input}
        self.outputs = [value.name for value in graph.output]
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in dict.fromkeys(node.input):
                self._readers.setdefault(name, []).append(node)

    def inputs_of(self, value: str, operator: str, **attributes: Any) -> list[str]:
        """The inputs of the node that makes ``value``, which is this operator with exactly these attributes."""
        node = self.made_by.get(value)
        if node is None or node.op_type != operator or node.domain or attributes_of(node) != attributes:
            raise ValueError(value)
        return list(node.input)

    def readers(self, value: str) -> int:
        return len(self._readers.get(value, ()))

    def reader(self, value: str, operator: str, place: int = 0, **attributes: Any) -> str:
        """What the one reader of ``value`` makes of it: this operator, which takes it as input ``place``."""
        readers = self._readers.get(value, [])
        if len(readers) != 1 or (value in self.outputs and operator != "Transpose"):
            raise ValueError(value)
        made = str(readers[0].output[0])
        if self.inputs_of(made, operator, **attributes)[place] != value:
            raise ValueError(made)
        return made

    def array(self, name: str) -> "Array":
        """A constant that is held in the graph."""
        from onnx import numpy_helper

        tensor = self.constants.get(name)
        if tensor is None or tensor.external_data:
            raise ValueError(name)
        return numpy_helper.to_array(tensor)

    def number(self, name: str) -> float:
        array = self.array(name)
        if array.size != 1:
            raise ValueError(name)
        return float(array.reshape(())[()])

    def cache_sizes(self, past: str) -> tuple[int, int]:
        """Heads and width of a cache input [B, heads, P, width]."""
        if past not in self.inputs:
            raise ValueError(past)
        dims = self.inputs[past].type.tensor_type.shape.dim
        if len(dims) != 4 or not (dims[1].dim_value and dims[3].dim_value):
            raise ValueError(past)
        return dims[1].dim_value, dims[3].dim_value

    def regrouped(self, value: str) -> str:
        """The value before queries were put below each other, [B, heads, S, width]; else the value itself."""
        try:
            source, shape = self.inputs_of(value, "Reshape")
            return source if list(self.array(shape)[[0, 2, 3]]) == [0, -1, 0] else value
        except (ValueError, IndexError):
            return value

    def regrouped_on(self, value: str) -> str:
        """The value after that regrouping or its reversal, if it is followed by one."""
        try:
            after = self.reader(value, "Reshape")
            shape = self.array(self.inputs_of(after, "Reshape")[1])
            return after if shape.shape == (4,) and list(shape[[0, 2, 3]]) == [0, -1, 0] else value
        except ValueError:
            return value

    def rotation(self, value: str) -> Rotation | None:
        """The rotation that ``value`` came from, of all numbers of a head or of the first ones."""
        try:
            return self._rotation(value)
        except ValueError:
            pass
        try:
            turned, rest = self.inputs_of(value, "Concat", axis=-1)
            found = self._rotation(turned)
            split = self.made_by[found.unrotated]
            if list(split.output) != [found.unrotated, rest] or attributes_of(split) != {"axis": -1}:
                return None
            sizes = self.array(self.inputs_of(rest, "Split", axis=-1)[1])
            whole = replace(found, unrotated=str(split.input[0]))
            return whole if sizes[0] == found.width else None
        except (ValueError, KeyError):
            return None

    def _rotation(self, value: str) -> Rotation:
        along, across = self.inputs_of(value, "Add")
        source, cosine = self.inputs_of(along, "Mul")
        turned, sine = self.inputs_of(across, "Mul")
        negative, left = self.inputs_of(turned, "Concat", axis=-1)
        (right,) = self.inputs_of(negative, "Neg")
        whole, sizes = self.inputs_of(right, "Split", axis=-1)
        if whole != source or list(self.made_by[right].output) != [left, right]:
            raise ValueError(value)
        cosine_angles, factor = self._angles(cosine, "Cos")
        sine_angles, other = self._angles(sine, "Sin")
        if cosine_angles != sine_angles or factor != other:
            raise ValueError(value)
        once, again = self.inputs_of(cosine_angles, "Concat", axis=-1)
        if once != again:
            raise ValueError(value)
        column, frequencies = self.inputs_of(once, "Mul")
        positions, axes = self.inputs_of(column, "Unsqueeze")
        if self.inputs_of(positions, "Cast", to=1) != ["position_ids"] or list(self.array(axes)) != [1, 3]:
            raise ValueError(value)
        found = self.array(frequencies)
        if found.ndim != 1 or list(self.array(sizes)) != [len(found)] * 2:
            raise ValueError(value)
        return Rotation(source, found, factor, cosine, sine)

    def _angles(self, value: str, operator: str) -> tuple[str, float]:
        """What the cosine or sine is of, and what multiplies it; behind a cast to half precision."""
        node = self.made_by.get(value)
        if node is not None and node.op_type == "Cast":
            (value,) = self.inputs_of(value, "Cast", to=10)
        factor = 1.0
        if value in self.made_by and self.made_by[value].op_type == "Mul":
            value, magnitude = self.inputs_of(value, "Mul")
            factor = self.number(magnitude)
        return self.inputs_of(value, operator)[0], factor

    def window(self, mask: str) -> int | None:
        """Of a causal mask: the tokens that a query sees."""
        visible, zero, masked = self.inputs_of(mask, "Where")
        if self.number(zero) != 0 or self.number(masked) != MASKED:
            raise ValueError(mask)
        present, causal = self.inputs_of(visible, "And")
        window = None
        if self.made_by[present].op_type == "And":
            near = causal
            present, causal = self.inputs_of(present, "And")
            slots, oldest = self.inputs_of(near, "Greater")
            column, size = self.inputs_of(oldest, "Sub")
            self._demand_places(slots, column)
            window = int(self.number(size))
        self._demand_present(present)
        slots, column = self.inputs_of(causal, "LessOrEqual")
        self._demand_places(slots, column)
        return window

    def _demand_present(self, value: str) -> None:
        cast, axes = self.inputs_of(value, "Unsqueeze")
        if self.inputs_of(cast, "Cast", to=9) != ["attention_mask"] or list(self.array(axes)) != [1, 2]:
            raise ValueError(value)

    def _demand_places(self, slots: str, column: str) -> None:
        """``slots``: 0 to P+S; ``column``: P to P+S, below each other."""
        zero, total, one = self.inputs_of(slots, "Range")
        queries, axes = self.inputs_of(column, "Unsqueeze")
        past, end, step = self.inputs_of(queries, "Range")
        whole, sequence = self.inputs_of(past, "Sub")
        numbers = [self.number(name) for name in (zero, one, step)]
        if numbers != [0, 1, 1] or list(self.array(axes)) != [1] or (end, whole) != (total, total):
            raise ValueError(column)
        for size, source in ((total, "attention_mask"), (sequence, "input_ids")):
            shape, axis = self.inputs_of(size, "Gather")
            if self.inputs_of(shape, "Shape") != [source] or self.number(axis) != 1:
                raise ValueError(size)

    def norm(self, unit: str) -> Norm:
        """The RMSNorm whose division makes ``unit``."""
        value, root = self.inputs_of(unit, "Div")
        (stable,) = self.inputs_of(root, "Sqrt")
        mean, epsilon = self.inputs_of(stable, "Add")
        node = self.made_by.get(mean)
        if node is None or node.op_type != "ReduceMean":
            raise ValueError(unit)
        along = attributes_of(node)
        axes = along.pop("axes", None) or list(self.array(node.input[1]))
        if along != {"keepdims": 1} or list(axes) != [-1]:
            raise ValueError(unit)
        if self.inputs_of(node.input[0], "Mul") != [value, value]:
            raise ValueError(unit)
        output = self.reader(unit, "Mul")
        weight = self.inputs_of(output, "Mul")[1]
        if weight not in self.constants or len(self.constants[weight].dims) != 1:
            raise ValueError(unit)
        return Norm(value, weight, self.number(epsilon), output)


def attributes_of(node: "onnx.NodeProto") -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def may_be_plain_decoder(artifact: Artifact) -> bool:
    """Whether ``artifact`` is a decoder of the builder's interface with its name; quick, and reads no graph."""
    decoder = artifact.decoder
    return (
        artifact.format == "onnx"
        and decoder is not None
        and not (decoder.cache or decoder.fixed_inputs or decoder.cache_position or decoder.past_length)
        and decoder.has_position_ids
        and "GroupQueryAttention" not in artifact.facts.operators
        and PRODUCER.encode() in _beginning(artifact.path)
    )


def _beginning(path: Path) -> bytes:
    """The first bytes of a file of ONNX, in which its producer is named."""
    with path.open("rb") as stream:
        return stream.read(64)


def plain_decoder(artifact: Artifact) -> PlainDecoder | None:
    """The graph of ``artifact`` with its weights left outside, if it is the builder's; else ``None``."""
    import onnx

    if not may_be_plain_decoder(artifact):
        return None
    model = onnx.load_model(artifact.path, load_external_data=False)
    if model.producer_name != PRODUCER or list(model.functions):
        return None
    try:
        found = PlainDecoder(model)
    except (ValueError, KeyError):
        return None
    return found if found.attentions else None
