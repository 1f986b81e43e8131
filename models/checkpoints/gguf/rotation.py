"""How a GGUF file's heads are rotated: base, stretched frequencies, magnitude.

Sources: ggml-org/llama.cpp, ggml/src/ggml-cpu/ops.cpp (``rope_yarn``) for linear scaling and YaRN (Peng et al. 2023);
src/llama-model.cpp (``get_rope_factors``) for divisors that are stored as tensors.
"""

import math

from msgspec import Struct

from bench.models.checkpoints.gguf.fields import Fields, shortest
from bench.models.checkpoints.gguf.stored import GgufTensor

SHORT, LONG, DIVISORS = "rope_factors_short.weight", "rope_factors_long.weight", "rope_freqs.weight"


class Rotation(Struct, frozen=True):
    """As in ``DecoderConfig``. ``context``: to which the frequencies are right."""

    theta: float
    context: int
    rotated: int | None = None
    divisors: tuple[float, ...] = ()
    magnitude: float = 1.0


def rotation(fields: Fields, width: int, context: int) -> Rotation:
    """Of heads of ``width``. Raises ``InputError`` naming the field or tensor.

    Longrope (Phi 3) has one set of divisors for texts within the context first trained on and one for longer ones. One
    graph has one set: the first, so the context is limited to that.
    """
    theta = fields.number("rope.freq_base", 10_000.0)
    if theta <= 1:
        raise fields.refused("rope.freq_base", "gguf.base_not_above_1")
    rotated = fields.count("rope.dimension_count", width)
    if rotated > width or rotated % 2:
        raise fields.refused("rope.dimension_count", "gguf.rotated_too_wide", width=width)
    kept, pairs = (None if rotated == width else rotated), rotated // 2
    kind = fields.text("rope.scaling.type", "linear")
    original = fields.count("rope.scaling.original_context_length", context)
    tensors = fields.header.tensors
    if kind == "longrope" or SHORT in tensors or LONG in tensors:
        if kind not in ("linear", "longrope", "yarn"):
            raise fields.refused("rope.scaling.type", "gguf.scaling_not_understood")
        fields.has("rope.scaling.factor")
        magnitude = fields.number("rope.scaling.attn_factor", 1.0)
        _stored(fields, LONG, pairs)
        return Rotation(theta, min(context, original), kept, _stored(fields, SHORT, pairs), magnitude)
    if DIVISORS in tensors:
        if not fields.off("rope.scaling.factor") and kind != "none":
            raise fields.refused("rope.scaling.factor", "gguf.scaled_twice", tensor=DIVISORS)
        return Rotation(theta, context, kept, _stored(fields, DIVISORS, pairs))
    old = "rope.scale_linear"
    factor = 1.0 if fields.off(old) else fields.number(old)
    factor = factor if fields.off("rope.scaling.factor") else fields.number("rope.scaling.factor")
    if kind == "none" or factor == 1.0:
        return Rotation(theta, context, kept)
    if kind == "linear":
        return Rotation(theta, context, kept, (factor,) * pairs)
    if kind != "yarn":
        raise fields.refused("rope.scaling.type", "gguf.scaling_not_understood")
    return Rotation(theta, context, kept, *_yarn(fields, theta, pairs, factor, original))


def _stored(fields: Fields, name: str, pairs: int) -> tuple[float, ...]:
    """The divisors of a tensor. Raises ``InputError`` for other than one positive number for each pair."""
    import numpy as np

    header = fields.header
    stored = header.tensors.get(name)
    if stored is None:
        raise header.refused("gguf.field_missing", field=name)
    if stored.shape != (pairs,):
        raise header.refused(
            "checkpoint.tensor_of_other_shape", tensor=name, shape=str(list(stored.shape)), expected=str([pairs])
        )
    found = GgufTensor(header, stored).rows(0, pairs)
    if not (np.isfinite(found).all() and (found > 0).all()):
        raise header.refused("gguf.divisors_not_positive", field=name)
    return tuple(shortest(value) for value in found.tolist())


def _yarn(fields: Fields, theta: float, pairs: int, factor: float, original: int) -> tuple[tuple[float, ...], float]:
    """Divisors and magnitude: slow rotations are stretched, fast ones left alone, those between in part."""
    import numpy as np

    def pair_of(turns: float) -> float:
        return pairs * math.log(original / (turns * 2 * math.pi)) / math.log(theta)

    fast = fields.number("rope.scaling.yarn_beta_fast", 32.0)
    slow = fields.number("rope.scaling.yarn_beta_slow", 1.0)
    if fields.number("rope.scaling.yarn_ext_factor", 1.0) != 1.0:
        raise fields.refused("rope.scaling.yarn_ext_factor", "gguf.only_1")
    first = max(0.0, math.floor(pair_of(fast)))
    last = min(2.0 * pairs - 1, math.ceil(pair_of(slow)))
    stretched = np.clip((np.arange(pairs) - first) / max(0.001, last - first), 0, 1)
    divisors = 1 / (stretched / factor + (1 - stretched))
    magnitude = fields.number("rope.scaling.attn_factor", fields.number("rope.scaling.yarn_attn_factor", 1.0))
    return tuple(divisors.tolist()), magnitude * (1 + 0.1 * math.log(factor))
