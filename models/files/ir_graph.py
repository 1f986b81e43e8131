"""Reads the XML of an OpenVINO IR into plain values, and refuses what is not one."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from msgspec import Struct

from bench.contracts import TensorSpec
from bench.contracts.quantising.stated import LINEAGE_KEY
from bench.errors import InputError
from bench.models.files.opening import DAMAGED
from bench.words import sentence

OLDEST_VERSION = 10
DTYPES = {
    "bf16": "bfloat16",
    "bool": "bool",
    "boolean": "bool",
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
    "f4e2m1": "float4_e2m1fn",
    "f8e4m3": "float8_e4m3fn",
    "f8e5m2": "float8_e5m2",
    "f8e8m0": "float8_e8m0fnu",
    "fp16": "float16",
    "fp32": "float32",
    "fp64": "float64",
    "i4": "int4",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "nf4": "nf4",
    "string": "string",
    "u2": "uint2",
    "u4": "uint4",
    "u8": "uint8",
    "u16": "uint16",
    "u32": "uint32",
    "u64": "uint64",
}

BODIES = ("body", "then_body", "else_body")

Dims = tuple[int | None, ...]


class Port(Struct, frozen=True):
    """A tensor that enters or leaves a layer. ``names`` are those of the original framework."""

    dtype: str
    dims: Dims
    names: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The dimensions, when all are known."""
        known = tuple(dimension for dimension in self.dims if dimension is not None)
        return known if len(known) == len(self.dims) else None


class PortMap(Struct, frozen=True):
    """How a body is fed. ``inputs``: its Parameters by identifier, and which input of the layer each takes.
    ``returned``: its Parameters, and the Result of the step before that each takes. ``condition``: the Result that says
    whether there is a next step; empty where none does."""

    inputs: dict[str, int] = {}
    returned: dict[str, str] = {}
    condition: str = ""


class Layer(Struct, frozen=True):
    """``sources``: for each input the layer and the index of its output that feed it. ``bodies``: what an If, a Loop or
    a TensorIterator runs; ``maps``: how each is fed."""

    identifier: str
    name: str
    kind: str
    opset: str
    data: dict[str, str]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    sources: tuple[tuple[str, int], ...]
    bodies: tuple["IrGraph", ...] = ()
    maps: tuple[PortMap, ...] = ()

    @property
    def constant_extent(self) -> tuple[int, int]:
        """Offset and size in the ``.bin`` of a Const."""
        return int(self.data["offset"]), int(self.data["size"])


class IrGraph(Struct, frozen=True):
    """``layers`` by identifier, in file order. ``lineage``: as the file states it."""

    layers: dict[str, Layer]
    lineage: str = ""

    def everywhere(self) -> "Iterator[IrGraph]":
        """This graph and all bodies inside it."""
        yield self
        for layer in self.layers.values():
            for body in layer.bodies:
                yield from body.everywhere()

    def specs(self, kind: str) -> tuple[TensorSpec, ...]:
        """The graph's inputs (``Parameter``) or outputs (``Result``), named as the original framework did."""
        specs = []
        for layer in self.layers.values():
            if layer.kind != kind:
                continue
            source, index = (layer, 0) if kind == "Parameter" else self._source(layer)
            port = source.outputs[index]
            name = min(port.names, default=source.name)
            specs.append(TensorSpec(name, port.dtype, port.dims))
        return tuple(specs)

    def _source(self, result: Layer) -> tuple[Layer, int]:
        identifier, index = result.sources[0]
        return self.layers[identifier], index


class _Builder(ElementTree.TreeBuilder):
    """Refuses document types before any entity in them is read: an IR has none, an attack on a parser does."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError(sentence("model.has_document_type", name=name))


def read_ir(path: Path) -> IrGraph:
    """The graph in ``path``. Raises ``InputError`` if it is not an OpenVINO IR of version 10 or later, and one of
    ``opening.READING_ERRORS`` if it is damaged."""
    try:
        root = ElementTree.parse(path, ElementTree.XMLParser(target=_Builder())).getroot()
    except ValueError as error:
        raise InputError(
            sentence("model.refused", file=path.name, error=error), sentence("model.openvino_ir_none")
        ) from None
    except (ElementTree.ParseError, LookupError):
        raise InputError(sentence("model.not_xml", file=path.name), DAMAGED) from None
    if root.tag != "net":
        raise InputError(sentence("model.xml_not_an_ir", file=path.name), sentence("model.outermost_element_is_net"))
    version = root.get("version", "")
    if not version.isdigit() or int(version) < OLDEST_VERSION:
        code = "model.ir_version_too_old" if version else "model.ir_version_missing"
        raise InputError(
            sentence(code, file=path.name, version=version, oldest_version=OLDEST_VERSION),
            sentence("model.convert_again"),
        )
    return _graph(root)


def _graph(root: ElementTree.Element) -> IrGraph:
    main = root.findall("layers/layer")
    ports: dict[str, list[str]] = {layer.attrib["id"]: _port_ids(layer, "output") for layer in main}
    edges = {
        (edge.attrib["to-layer"], edge.attrib["to-port"]): (
            edge.attrib["from-layer"],
            ports[edge.attrib["from-layer"]].index(edge.attrib["from-port"]),
        )
        for edge in root.findall("edges/edge")
    }
    layers = {layer.attrib["id"]: _layer(layer, edges) for layer in main}
    if root.tag == "net" and not any(layer.kind == "Result" for layer in layers.values()):
        raise ValueError(sentence("model.no_result"))
    stated = root.find(f"rt_info/{LINEAGE_KEY.replace('.', '/')}")
    return IrGraph(layers, "" if stated is None else stated.get("value", ""))


def _port_ids(layer: ElementTree.Element, side: str) -> list[str]:
    return [port.attrib["id"] for port in layer.findall(f"{side}/port")]


def _layer(layer: ElementTree.Element, edges: dict[tuple[str, str], tuple[str, int]]) -> Layer:
    identifier = layer.attrib["id"]
    data = layer.find("data")
    return Layer(
        identifier=identifier,
        name=layer.attrib["name"],
        kind=layer.attrib["type"],
        opset=layer.get("version", ""),
        data={} if data is None else dict(data.attrib),
        inputs=tuple(_port(port) for port in layer.findall("input/port")),
        outputs=tuple(_port(port) for port in layer.findall("output/port")),
        sources=tuple(edges[identifier, port] for port in _port_ids(layer, "input")),
        bodies=tuple(_graph(body) for kind in BODIES for body in layer.findall(kind)),
        maps=tuple(_port_map(layer, kind) for kind in BODIES for _ in layer.findall(kind)),
    )


def _port_map(layer: ElementTree.Element, body: str) -> PortMap:
    """That of the layer's ``body``; only a Loop has edges back."""
    ports = _port_ids(layer, "input")
    entries = layer.findall(f"{body.replace('body', 'port_map')}/input")
    results = layer.findall(f"{body.replace('body', 'port_map')}/output")
    conditions = [one.attrib["internal_layer_id"] for one in results if one.get("purpose") == "execution_condition"]
    return PortMap(
        {
            one.attrib["internal_layer_id"]: ports.index(one.attrib["external_port_id"])
            for one in entries
            if one.get("external_port_id") in ports
        },
        {edge.attrib["to-layer"]: edge.attrib["from-layer"] for edge in layer.findall("back_edges/edge")},
        conditions[0] if conditions else "",
    )


def _port(port: ElementTree.Element) -> Port:
    dims = [int(dimension.text or "") for dimension in port.findall("dim")]
    names = port.get("names", "").replace("\\,", "\0").split(",")
    return Port(
        dtype=DTYPES.get(port.get("precision", "").lower(), "undefined"),
        dims=tuple(None if dimension < 0 else dimension for dimension in dims),
        names=tuple(name.replace("\0", ",") for name in names if name),
    )
