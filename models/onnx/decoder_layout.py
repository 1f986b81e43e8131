"""Recognises a decoder with a KV cache by the names, types and shapes of its inputs and outputs."""

import re
from collections.abc import Collection, Mapping, Sequence
from math import prod

from msgspec.structs import replace

from bench.contracts import CACHE_WIDTHS, CacheTensor, DecoderSpec, FixedInput, PositionInput, Shapes, TensorSpec
from bench.errors import InputError
from bench.words import Sentence, sentence

FIXED_PAST = re.compile(r"past_key_values\.\d+\.(key|value)")
KV_LIKE = re.compile(r"past|cache|(^|[._])kv([._]|$)", re.IGNORECASE)
DEFAULT_CONTEXT = 2048  # if there is no configuration file
FLOATS = ("float32", "float16", "bfloat16")
INDICES = ("int64", "int32")
TOKENS = ("input_ids", "attention_mask", "position_ids")
CACHE_POSITION = "cache_position"
STEERING: Mapping[str, int | None] = {"use_cache_branch": None, "num_logits_to_keep": 1, "logits_to_keep": 1}
"""Inputs that steer the graph, and what they are fed; ``None``: whether the cache holds something."""
UNDERSTOOD = sentence("model.decoder_understood")


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
    caches = [spec for spec in inputs if spec.name not in STEERING and KV_LIKE.search(spec.name) and not _counts(spec)]
    if "input_ids" not in given or not caches or all(spec.static for spec in inputs):
        return None
    tokens = {name: spec for name, spec in given.items() if spec not in caches}
    cache = cache_tensors(file, caches, outputs, given["input_ids"].shape[0])
    fixed = _fixed_inputs(file, tokens)
    position = _cache_position(file, tokens.get(CACHE_POSITION))
    _check_tokens(file, tokens)
    vocabulary, logits = _vocabulary(file, {tensor.present for tensor in cache}, outputs, vocab_size)
    heads, width = head_sizes(cache[0])
    past = _past_length(file, cache, outputs)
    decoder = DecoderSpec(
        layers=max(1, len(cache) // 2),
        kv_heads=heads,
        head_dim=width,
        vocab_size=vocabulary,
        context_length=DEFAULT_CONTEXT if past is None else past,
        kv_dtype=cache[0].dtype,
        has_position_ids="position_ids" in tokens,
        mask_dtype=tokens["attention_mask"].dtype,
        past_length=past,
        ids_dtype=tokens["input_ids"].dtype,
        position_dtype=tokens["position_ids"].dtype if "position_ids" in tokens else "int64",
        last_logits=len(logits) == 2 or logits[1] == 1 or any(spec.value == 1 for spec in fixed),
        flat_logits=len(logits) == 2,
        fixed_inputs=fixed,
        cache_position=position,
    )
    plain = {tensor.past: tensor for tensor in cache} == {tensor.past: tensor for tensor in decoder.cache_tensors()}
    return decoder if plain else replace(decoder, cache=cache)


def _counts(spec: TensorSpec) -> bool:
    """Whether an input holds positions or lengths, as ``cache_position`` [S] and ``past_sequence_length`` [] do, which
    no output returns."""
    return spec.dtype in INDICES and len(spec.shape) <= 1


def cache_tensors(
    file: str, caches: Sequence[TensorSpec], outputs: Sequence[TensorSpec], batch: int | str | None
) -> tuple[CacheTensor, ...]:
    """Each input of the cache with the output that it comes back from, those that grow first. Raises ``InputError`` if
    one lacks a counterpart or a size.

    ``batch``: the first dimension of ``input_ids``. A dimension without a size is the batch where it goes by that name,
    or comes first; any other is the length.
    """
    returned = {spec.name: spec for spec in outputs}
    found = []
    for spec in caches:
        names = [spec.name.replace(*pair, 1) for pair in (("past_key_values", "present"), ("past", "present"))]
        names = [name for name in names if name != spec.name]
        present = next((name for name in names if name in returned), None)
        if present is None:
            wanted = f"output {names[0]}" if names else "output"
            raise _refusal(file, sentence("model.cache_not_returned", shown=_shown(spec), wanted=wanted))
        if spec.dtype not in CACHE_WIDTHS:
            raise _refusal(file, sentence("model.takes_in", shown=_shown(spec), dtype=spec.dtype))
        found.append(_cache_tensor(file, spec, present, batch))
    return tuple(sorted(found, key=lambda tensor: tensor.length_axis is None))


def _cache_tensor(file: str, spec: TensorSpec, present: str, batch: int | str | None) -> CacheTensor:
    named = [isinstance(d, str) and (d == batch or "batch" in d.lower()) for d in spec.shape]
    batch_axis = named.index(True) if True in named else 0
    if isinstance(spec.shape[batch_axis], int) and spec.shape[batch_axis] != 1:
        raise _refusal(file, sentence("model.takes_several_sequences", shown=_shown(spec)))
    lengths = [i for i, d in enumerate(spec.shape) if not isinstance(d, int) and i != batch_axis]
    if len(lengths) > 1:
        raise _refusal(file, sentence("model.takes_more_open", shown=_shown(spec)))
    if not lengths and len(spec.shape) == 4 and FIXED_PAST.fullmatch(spec.name):
        lengths = [2]
    shape = [1 if i == batch_axis else d if isinstance(d, int) else 0 for i, d in enumerate(spec.shape)]
    return CacheTensor(spec.name, present, spec.dtype, tuple(shape), lengths[0] if lengths else None, batch_axis)


def head_sizes(tensor: CacheTensor) -> tuple[int, int]:
    """KV heads and width of a head of [… heads, length, width]; of another layout 1, and all of a token together."""
    if len(tensor.shape) >= 4 and tensor.length_axis == len(tensor.shape) - 2:
        return tensor.shape[-3], tensor.shape[-1]
    return 1, prod(size for axis, size in enumerate(tensor.shape) if axis != tensor.length_axis)


def _past_length(file: str, cache: Sequence[CacheTensor], outputs: Sequence[TensorSpec]) -> int | None:
    """The length of a cache that is one buffer for past and present, where the graph fixes it."""
    stated = {t.shape[t.length_axis] for t in cache if t.length_axis is not None and FIXED_PAST.fullmatch(t.past)}
    fixed = stated - {0}
    if not fixed:
        return None
    presents = {spec.name: spec for spec in outputs}
    same = all(presents[t.present].shape[t.length_axis or 0] == t.shape[t.length_axis or 0] for t in cache)
    if len(stated) > 1 or not same:
        past = max(fixed)
        raise _refusal(file, sentence("model.past_is_fixed", past=past))
    return fixed.pop()


def _fixed_inputs(file: str, tokens: Mapping[str, TensorSpec]) -> tuple[FixedInput, ...]:
    found = []
    for name, value in STEERING.items():
        spec = tokens.get(name)
        if spec is None:
            continue
        kinds = ("bool",) if value is None else INDICES
        if (
            spec.dtype not in kinds
            or len(spec.shape) > 1
            or (spec.shape not in ((), (1,), (None,)) and not isinstance(spec.shape[0], str))
        ):
            raise _refusal(
                file, sentence("model.takes_not_one_value", shown=_shown(spec), dtype=spec.dtype, kinds=kinds)
            )
        found.append(FixedInput(name, spec.dtype, (1,) * len(spec.shape), value))
    return tuple(found)


def _cache_position(file: str, spec: TensorSpec | None) -> PositionInput | None:
    """``spec`` is in ``INDICES`` and has at most one dimension; anything else of its name is taken for a cache."""
    if spec is None:
        return None
    if spec.shape and isinstance(spec.shape[0], int) and spec.shape[0] != 1:
        raise _refusal(file, sentence("model.takes_fixed_length", shown=_shown(spec)))
    return PositionInput(spec.name, spec.dtype, tuple(d if isinstance(d, int) else None for d in spec.shape))


def _check_tokens(file: str, tokens: Mapping[str, TensorSpec]) -> None:
    """The inputs other than the cache, with types and shapes."""
    known = {*TOKENS, *STEERING, CACHE_POSITION}
    others = [spec for name, spec in tokens.items() if name not in known]
    if others:
        raise _refusal(file, sentence("model.also_takes", listed=_listed(others)))
    if "attention_mask" not in tokens:
        raise _refusal(file, sentence("model.takes_no_attention_mask"))
    for spec in (tokens[name] for name in TOKENS if name in tokens):
        if spec.dtype not in INDICES or len(spec.shape) != 2:
            raise _refusal(
                file, sentence("model.takes_not_two_dimensions", shown=_shown(spec), dtype=spec.dtype, indices=INDICES)
            )
        if isinstance(spec.shape[0], int) and spec.shape[0] != 1:
            raise _refusal(file, sentence("model.takes_several_sequences", shown=_shown(spec)))
        if isinstance(spec.shape[1], int):
            raise _refusal(file, sentence("model.takes_fixed_length", shown=_shown(spec)))


def _vocabulary(
    file: str, presents: Collection[str], outputs: Sequence[TensorSpec], vocab_size: int | None
) -> tuple[int, tuple[int | str | None, ...]]:
    """Checks the outputs' names; returns the width of the logits, and their shape."""
    returned = {spec.name: spec for spec in outputs}
    others = [spec for spec in outputs if spec.name not in presents and spec.name != "logits"]
    if "logits" not in returned:
        if others:
            raise _refusal(file, sentence("model.returns_others_not_logits", listed=_listed(others)))
        raise _refusal(file, sentence("model.returns_no_logits"))
    if others:
        raise _refusal(file, sentence("model.also_returns", listed=_listed(others)))
    logits = returned["logits"]
    if len(logits.shape) not in (2, 3) or logits.dtype not in FLOATS:
        raise _refusal(file, sentence("model.returns_in", shown=_shown(logits), dtype=logits.dtype))
    size = logits.shape[-1] if isinstance(logits.shape[-1], int) else vocab_size
    if size is None:
        raise _refusal(file, sentence("model.vocabulary_not_stated", shown=_shown(logits)))
    return size, logits.shape


def _refusal(file: str, found: Sentence) -> InputError:
    return InputError(sentence("model.not_a_supported_decoder", file=file, found=found), UNDERSTOOD)


def _listed(specs: Sequence[TensorSpec]) -> Sentence:
    code = "model.tensors_and_more" if len(specs) > 2 else "model.tensors"
    return sentence(code, names=[_shown(spec) for spec in specs[:2]], more=len(specs) - 2)


def _shown(spec: TensorSpec) -> str:
    return f"{spec.name} [{','.join('?' if size is None else str(size) for size in spec.shape)}]"


def refuse_shapes(name: str, shapes: Shapes) -> None:
    """Raise ``InputError`` when shapes were asked for: they are not the user's to choose."""
    if shapes:
        raise InputError(
            sentence("model.shape_of_decoder", name=name, value=next(iter(shapes))),
            sentence("model.leave_shape_out"),
        )


def one_token_shapes(decoder: DecoderSpec) -> dict[str, tuple[int, ...]]:
    """Shapes of one token on an empty cache: those a decoder's MACs and activations are stated for.

    Attention over a longer past adds 2 × heads × head_dim × past MACs a layer.
    """
    tokens = ["input_ids", "attention_mask"] + (["position_ids"] if decoder.has_position_ids else [])
    past = {tensor.past: tensor.shape for tensor in decoder.cache_tensors()}
    position = decoder.cache_position
    positions = {} if position is None else {position.name: position.fed(1)}
    steering = {spec.name: spec.shape for spec in decoder.fixed_inputs}
    return {**dict.fromkeys(tokens, (1, 1)), **past, **steering, **positions}
