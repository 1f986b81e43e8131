"""Which tensors a decoder of given sizes has, and whether a file has exactly those."""

from collections.abc import Mapping

from bench.errors import InputError
from bench.models.sllm.config import DecoderConfig
from bench.words import sentence

Shape = tuple[int, ...]
MOST_LISTED = 6


def tensor_shapes(config: DecoderConfig) -> dict[str, Shape]:
    """The shapes of all tensors by the names of ``checkpoint``, in the order of use."""
    ends = {"embedding.weight": (config.vocab, config.dim), "norm.weight": (config.dim,)}
    if not config.tied:
        ends["output.weight"] = (config.vocab, config.dim)
    layer = layer_shapes(config)
    return ends | {f"layers.{n}.{name}": shape for n in range(config.layers) for name, shape in layer.items()}


def layer_shapes(config: DecoderConfig) -> dict[str, Shape]:
    """The shapes of one layer's tensors by their names behind ``layers.N.``."""
    dim, hidden = config.dim, config.hidden
    width, kv_width = config.heads * config.head_dim, config.kv_heads * config.head_dim
    norms: dict[str, Shape] = {"attention_norm.weight": (dim,), "feed_forward_norm.weight": (dim,)}
    if config.output_norms:
        norms |= {"attention_output_norm.weight": (dim,), "feed_forward_output_norm.weight": (dim,)}
    if config.query_key_norm:
        norms |= {f"attention.{part}_norm.weight": (config.head_dim,) for part in ("query", "key")}
    widths = {"query": width, "key": kv_width, "value": kv_width}
    biases: dict[str, Shape] = {f"attention.{part}.bias": (n,) for part, n in widths.items()}
    return {
        **norms,
        **{f"attention.{part}.weight": (n, dim) for part, n in widths.items()},
        **(biases if config.qkv_bias else {}),
        "attention.output.weight": (dim, width),
        "feed_forward.gate.weight": (hidden, dim),
        "feed_forward.up.weight": (hidden, dim),
        "feed_forward.down.weight": (dim, hidden),
    }


def check_tensors(file: str, architecture: str, expected: Mapping[str, Shape], found: Mapping[str, Shape]) -> None:
    """Compare shapes by the names that the file itself uses. Raises ``InputError`` naming ``file`` and the tensors that
    are missing, that have another shape, or that have no place in a model of this architecture."""
    download = sentence("checkpoint.download_again")
    missing = [name for name in expected if name not in found]
    if missing:
        raise InputError(
            sentence("checkpoint.tensors_missing", file=file, n_tensors=len(missing), listed=_listed(missing)), download
        )
    for name, shape in expected.items():
        if found[name] != shape:
            message = sentence(
                "checkpoint.tensor_of_other_shape",
                file=file,
                tensor=name,
                shape=str(list(found[name])),
                expected=str(list(shape)),
            )
            raise InputError(message, download)
    left = [name for name in found if name not in expected]
    if left:
        raise InputError(
            sentence(
                "checkpoint.tensors_left_over",
                file=file,
                n_tensors=len(left),
                architecture=architecture,
                listed=_listed(left),
            ),
            sentence("checkpoint.model_differs"),
        )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:MOST_LISTED]) + (", …" if len(names) > MOST_LISTED else "")
