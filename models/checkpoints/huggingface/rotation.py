"""The rotary position embedding that a configuration asks for: frequencies, their scaling, and the part of a head that
is rotated.

As ``modeling_rope_utils.py`` of transformers computes it. Version 4 writes ``rope_theta`` and ``rope_scaling``, version
5 writes both into ``rope_parameters``; Gemma 3 has there one object for each kind of layer.
"""

import math

from msgspec import Struct
from msgspec.structs import replace

from bench.models.checkpoints.huggingface.fields import Fields
from bench.models.sllm.config import RopeScaling
from bench.words import sentence

UNDERSTOOD = ("default", "linear", "llama3", "yarn")
COMMON = frozenset(("rope_type", "type", "rope_theta", "partial_rotary_factor"))
OF_TYPE = {
    "default": frozenset[str](),
    "linear": frozenset(("factor",)),
    "llama3": frozenset(("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")),
    "yarn": frozenset(("factor", "attention_factor", "beta_fast", "beta_slow", "original_max_position_embeddings")),
    "longrope": frozenset(
        ("short_factor", "long_factor", "factor", "attention_factor", "original_max_position_embeddings")
    ),
}
LONGROPE_OF_PHI3 = ("su", "yarn", "longrope")


class Rotation(Struct, frozen=True):
    """``context``: positions for which these angles are right, as far as the scaling limits them. See ``DecoderConfig``
    for the rest."""

    theta: float
    rotated: int | None = None
    scaling: RopeScaling | None = None
    divisors: tuple[float, ...] = ()
    magnitude: float = 1.0
    local_theta: float | None = None
    context: int | None = None


def rotation(config: Fields, family: str, head_dim: int, theta: float) -> Rotation:
    """``theta``: of a configuration that states none. Raises ``InputError`` naming the field for a scaling that is not
    computed."""
    stated, scaling, whole = config.inner("rope_parameters"), config.inner("rope_scaling"), None
    if stated is not None and scaling is not None and stated.values != scaling.values:
        raise config.refused("rope_scaling")
    if family == "gemma3":
        whole, local = _of_gemma3(config, stated, scaling)
    else:
        whole, local = stated or scaling or Fields({}, config.file), None
    theta = whole.number("rope_theta", config.number("rope_theta", theta))
    share = whole.number("partial_rotary_factor", config.number("partial_rotary_factor", 1.0))
    rotated = int(head_dim * share)
    if rotated != head_dim and (family != "phi3" or rotated < 2 or rotated % 2 or rotated > head_dim):
        raise (whole if "partial_rotary_factor" in whole else config).refused("partial_rotary_factor")
    name = whole.text("rope_type", whole.text("type", "default"))
    if family == "phi3" and name in LONGROPE_OF_PHI3:
        name = "longrope"
    elif name not in UNDERSTOOD:
        raise whole.refused("rope_type" if "rope_type" in whole else "type", sentence("checkpoint.rope_types_known"))
    for key in whole.values:
        if key not in COMMON | OF_TYPE[name]:
            whole.refuse_unless(key)
    plain = Rotation(theta, rotated if rotated != head_dim else None, local_theta=local)
    return _scaled(plain, name, whole, config, rotated)


def _of_gemma3(config: Fields, stated: Fields | None, scaling: Fields | None) -> tuple[Fields, float]:
    """What its layers with full attention have, and the base of those with a window."""
    if stated is None or "full_attention" not in stated:
        return stated or scaling or Fields({}, config.file), config.number("rope_local_base_freq", 10_000.0)
    full, sliding = stated.inner("full_attention"), stated.inner("sliding_attention")
    if sliding is not None and sliding.text("rope_type", "default") != "default":
        raise sliding.refused("rope_type", sentence("checkpoint.rope_types_known"))
    local = 10_000.0 if sliding is None else sliding.number("rope_theta", 10_000.0)
    return full or Fields({}, config.file), local


def _scaled(plain: Rotation, name: str, rope: Fields, config: Fields, rotated: int) -> Rotation:
    if name == "linear":
        return replace(plain, divisors=(rope.number("factor"),) * (rotated // 2))
    if name == "llama3":
        low, high = rope.number("low_freq_factor"), rope.number("high_freq_factor")
        if high <= low:
            raise rope.wrong("high_freq_factor", sentence("checkpoint.number_above_field", field="low_freq_factor"))
        original = rope.integer("original_max_position_embeddings")
        return replace(plain, scaling=RopeScaling(rope.number("factor"), low, high, original))
    if name == "yarn":
        return _yarn(plain, rope, config, rotated)
    if name == "longrope":
        return _longrope(plain, rope, config, rotated)
    return plain


def _yarn(plain: Rotation, rope: Fields, config: Fields, rotated: int) -> Rotation:
    """YaRN (Peng et al. 2023): pairs that turn often are left alone, slow ones stretched, those between in part.

    Versions of transformers differ in whether the factor or the quotient of the contexts counts: they have to be equal.
    """
    factor, original = rope.number("factor"), rope.integer("original_max_position_embeddings")
    if not math.isclose(factor, config.integer("max_position_embeddings") / original) or plain.theta <= 1:
        raise rope.refused("factor", sentence("checkpoint.yarn_factor"))
    fast, slow = rope.number("beta_fast", 32.0), rope.number("beta_slow", 1.0)

    def pair_of(turns: float) -> float:
        return rotated / 2 * math.log(original / (turns * 2 * math.pi)) / math.log(plain.theta)

    first, last = max(math.floor(pair_of(fast)), 0), min(math.ceil(pair_of(slow)), rotated - 1)
    divisors = []
    for pair in range(rotated // 2):
        stretched = min(max((pair - first) / max(last - first, 0.001), 0.0), 1.0)
        divisors.append(1 / (stretched / factor + 1 - stretched))
    usual = 0.1 * math.log(factor) + 1 if factor > 1 else 1.0
    return replace(plain, divisors=tuple(divisors), magnitude=rope.number("attention_factor", usual))


def _longrope(plain: Rotation, rope: Fields, config: Fields, rotated: int) -> Rotation:
    """Up to the context first trained on, longrope divides by the short factors, beyond it by the long ones; keys that
    were stored before do not fit any more then. The graph has the short ones, and its context ends there."""
    most, key = config.integer("max_position_embeddings"), "original_max_position_embeddings"
    original = (rope if key in rope else config).integer(key)
    short, _ = (rope.numbers(name, rotated // 2) for name in ("short_factor", "long_factor"))
    factor = rope.number("factor", most / original)
    if key in config and not math.isclose(factor, most / original):
        raise rope.refused("factor")
    usual = math.sqrt(1 + math.log(factor) / math.log(original)) if factor > 1 and original > 1 else 1.0
    magnitude = rope.number("attention_factor", usual)
    return replace(plain, divisors=short, magnitude=magnitude, context=min(original, most))
