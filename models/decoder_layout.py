"""Recognises a decoder with a KV cache by the names, types and shapes of its inputs and outputs."""

import re
from collections.abc import Mapping, Sequence

from bench.contracts import DecoderSpec, Shapes, TensorSpec
from bench.errors import InputError

PAST = re.compile(r"past_key_values\.(\d+)\.(key|value)")
KV_LIKE = re.compile(r"past|cache|(^|[._])kv([._]|$)", re.IGNORECASE)
DEFAULT_CONTEXT = 2048  # where no configuration beside the file says more
FLOATS = ("float32", "float16", "bfloat16")
UNDERSTOOD = (
    "Understood are input_ids [B,S] and attention_mask [B,P+S], position_ids [B,S] or not, and for every layer N "
    "past_key_values.N.key and .value [B,H,P,D]; out of them logits [B,S,vocabulary] and present.N.key and .value, and "
    "nothing else. Export it so, as Optimum and Olive do, or rename what differs."
)


def decoder_spec(
    file: str, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], vocab_size: int | None = None
) -> DecoderSpec | None:
    """The sizes of the decoder in ``file`` (named in messages); ``None`` where nothing looks like one.

    A graph that takes ``input_ids`` and something like a KV cache looks like one. Raises ``InputError`` when it is laid
    out otherwise than ``DecoderSpec`` describes, saying what was found. One whose every input has a fixed shape
    is ``None``, too: it computes one step of a stated size, and is measured as that. ``vocab_size`` is taken where the
    graph does not state it.
    """
    given = {spec.name: spec for spec in inputs}
    caches = [spec for spec in inputs if KV_LIKE.search(spec.name)]
    if "input_ids" not in given or not caches or all(spec.static for spec in inputs):
        return None
    strangers = [spec for spec in caches if not PAST.fullmatch(spec.name)]
    if strangers:
        raise _refusal(file, f"its KV cache comes in as {_listed(strangers)}")
    layers = _layers(file, caches)
    tokens = {name: spec for name, spec in given.items() if spec not in caches}
    _check_tokens(file, tokens)
    vocabulary = _vocabulary(file, layers, outputs, vocab_size)
    kv_heads, past, head_dim = _cache_sizes(file, caches)
    if past is not None and past != next(s.shape[2] for s in outputs if s.name == "present.0.key"):
        raise _refusal(file, f"its past is fixed to {past} tokens, and its present is longer: it cannot generate")
    return DecoderSpec(
        layers=layers,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocab_size=vocabulary,
        context_length=DEFAULT_CONTEXT if past is None else past,
        kv_dtype=caches[0].dtype,
        has_position_ids="position_ids" in tokens,
        mask_dtype=tokens["attention_mask"].dtype,
        past_length=past,
    )


def _layers(file: str, caches: Sequence[TensorSpec]) -> int:
    layers = len(caches) // 2
    expected = {f"past_key_values.{n}.{part}" for n in range(layers) for part in ("key", "value")}
    if {spec.name for spec in caches} != expected:
        raise _refusal(file, f"its {len(caches)} past_key_values are not a key and a value for each of 0, 1, 2 …")
    return layers


def _check_tokens(file: str, tokens: Mapping[str, TensorSpec]) -> None:
    """The inputs beside the cache: which, of which type, of which shape."""
    others = [spec for name, spec in tokens.items() if name not in ("input_ids", "attention_mask", "position_ids")]
    if others:
        raise _refusal(file, f"it also takes {_listed(others)}")
    if "attention_mask" not in tokens:
        raise _refusal(file, "it takes no attention_mask")
    for name, spec in tokens.items():
        types = ("int64", "int32") if name == "attention_mask" else ("int64",)
        if spec.dtype not in types or len(spec.shape) != 2:
            raise _refusal(file, f"it takes {_shown(spec)} in {spec.dtype}, not two dimensions in {' or '.join(types)}")
        if isinstance(spec.shape[0], int) and spec.shape[0] != 1:
            raise _refusal(file, f"it takes {_shown(spec)}: one sequence at a time is measured")
        if isinstance(spec.shape[1], int):
            raise _refusal(file, f"it takes {_shown(spec)}, a fixed length: no prompt fits and then single tokens")


def _vocabulary(file: str, layers: int, outputs: Sequence[TensorSpec], vocab_size: int | None) -> int:
    """Checks the outputs' names; returns the width of the logits."""
    returned = {spec.name: spec for spec in outputs}
    expected = {"logits"} | {f"present.{n}.{part}" for n in range(layers) for part in ("key", "value")}
    missing, others = sorted(expected - returned.keys()), [s for s in outputs if s.name not in expected]
    if missing:
        found = f" but {_listed(others)}" if others else ""
        raise _refusal(file, f"it returns no {missing[0]}{found}")
    if others:
        raise _refusal(file, f"it also returns {_listed(others)}, which every step would compute")
    logits = returned["logits"]
    if len(logits.shape) != 3 or logits.dtype not in FLOATS:
        raise _refusal(file, f"it returns {_shown(logits)} in {logits.dtype}")
    size = logits.shape[2] if isinstance(logits.shape[2], int) else vocab_size
    if size is None:
        raise _refusal(file, f"it returns {_shown(logits)}, and no config.json beside it states vocab_size")
    return size


def _cache_sizes(file: str, caches: Sequence[TensorSpec]) -> tuple[int, int | None, int]:
    """KV heads, the past's length where it is fixed, and the width of a head."""
    first = caches[0]
    for spec in caches:
        if len(spec.shape) != 4 or spec.dtype not in FLOATS:
            raise _refusal(file, f"it takes {_shown(spec)} in {spec.dtype}")
        if (spec.dtype, spec.shape[1:]) != (first.dtype, first.shape[1:]):
            raise _refusal(file, f"its layers differ: {_shown(first)} {first.dtype} and {_shown(spec)} {spec.dtype}")
        if isinstance(spec.shape[0], int) and spec.shape[0] != 1:
            raise _refusal(file, f"it takes {_shown(spec)}: one sequence at a time is measured")
    _, heads, past, width = first.shape
    if not isinstance(heads, int) or not isinstance(width, int):
        raise _refusal(file, f"it takes {_shown(first)}, which states no number of heads or no width of a head")
    return heads, past if isinstance(past, int) else None, width


def _refusal(file: str, found: str) -> InputError:
    return InputError(f"{file}: looks like a decoder, but {found}", UNDERSTOOD)


def _listed(specs: Sequence[TensorSpec]) -> str:
    more = f" and {len(specs) - 2} more" if len(specs) > 2 else ""
    return ", ".join(_shown(spec) for spec in specs[:2]) + more


def _shown(spec: TensorSpec) -> str:
    return f"{spec.name} [{','.join('?' if size is None else str(size) for size in spec.shape)}]"


def refuse_shapes(name: str, shapes: Shapes) -> None:
    """Raise ``InputError`` when shapes were asked for: they are not the user's to choose."""
    if shapes:
        raise InputError(
            f"{name}: --shape {next(iter(shapes))}=… does not apply to a decoder",
            "Leave it out: the scenario chooses the lengths of prompt and context.",
        )


def one_token_shapes(decoder: DecoderSpec) -> dict[str, tuple[int, ...]]:
    """Shapes of one token on an empty cache: those a decoder's MACs and activations are stated for.

    Attention over a longer past adds 2 × heads × head_dim × past MACs a layer.
    """
    tokens = ["input_ids", "attention_mask"] + (["position_ids"] if decoder.has_position_ids else [])
    cache = (1, decoder.kv_heads, decoder.past_length or 0, decoder.head_dim)
    past: dict[str, tuple[int, ...]] = {
        f"past_key_values.{i}.{part}": cache for i in range(decoder.layers) for part in ("key", "value")
    }
    return {**dict.fromkeys(tokens, (1, 1)), **past}
