"""Fixes the shape of every input of a file: what the file says, what the user asked, and one stated default."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from bench.contracts import Shapes, TensorSpec
from bench.errors import InputError, UnknownName
from bench.words import sentence

Shape = tuple[int, ...]
Fits = Callable[[Shapes], bool]
"""Whether nothing in the file contradicts these shapes of all its inputs."""
Sizes = Mapping[str, Mapping[int, int]]
"""Input's name -> dimension, from 0 -> the size that the graph demands of it."""

NO_NAMES = re.compile(r"\?|\*|none|null|-?\d+|dynamic|any|unk(nown)?(_*\d+)?", re.IGNORECASE)
"""What exporters write where they know no name; two such dimensions need not be equal."""
BATCH = re.compile(r"batch|^(n|b|bs)$", re.IGNORECASE)
SIDE = re.compile(r"height|width|^(h|w)$", re.IGNORECASE)
NO_SIDE = sentence("model.no_open_side.remedy")
LENGTHS, SIDES = (128, 1, 16, 512), (224, 320, 640, 32)


def symbol_of(text: str) -> str | None:
    """The name of a dimension as a file states it; ``None`` for an empty one and for a placeholder that is not a
    name."""
    return text if text and not NO_NAMES.fullmatch(text) else None


def resolve_shapes(
    file: str,
    inputs: Sequence[TensorSpec],
    asked: Shapes,
    fits: Fits = lambda shapes: True,
    demanded: Callable[[], Sizes] = dict,
    side: int | None = None,
) -> dict[str, Shape]:
    """The shape of every input of ``file`` (named in messages).

    A symbol (``"batch"``) asked for in one input holds in all. A dynamic first dimension without a requested size
    becomes 1, and its symbol with it. Any other that is left raises ``InputError``, which names all such inputs and
    gives an example that ``fits``, with the sizes ``demanded`` by the graph and the batch of the inputs that were
    given; so do unknown inputs, a wrong rank and conflicts. A dynamic dimension may be 0. ``side``: of all open heights
    and widths; raises ``InputError`` where there are none and no input is as large.
    """
    names = [spec.name for spec in inputs]
    for name in asked:
        if name not in names:
            raise UnknownName(sentence("model.input_in_shape", file=file), name, names)
    if side is not None:
        inputs, asked = _with_side(file, inputs, asked, side)
    symbols: dict[str, int] = {}
    for spec in inputs:
        if spec.name in asked:
            _bind(file, spec, asked[spec.name], symbols)
    for spec in inputs:
        if spec.name not in asked and spec.shape and isinstance(spec.shape[0], str):
            symbols.setdefault(spec.shape[0], 1)
    filled = {s.name: asked[s.name] if s.name in asked else _filled(s, symbols) for s in inputs}
    if any(None in shape for shape in filled.values()):
        raise _open_shapes(file, inputs, filled, fits, _Known(demanded(), _given_batch(inputs, asked)))
    return {name: tuple(size for size in shape if size is not None) for name, shape in filled.items()}


def _with_side(
    file: str, inputs: Sequence[TensorSpec], asked: Shapes, side: int
) -> tuple[Sequence[TensorSpec], Shapes]:
    """The inputs, and what was asked of them, with ``side`` as every open height and width."""
    sided, changed = [], dict(asked)
    for spec in inputs:
        places = [index for index in range(1, len(spec.shape)) if _is_open_side(spec, index)]
        shape = tuple(side if index in places else size for index, size in enumerate(spec.shape))
        sided.append(replace(spec, shape=shape))
        if places and len(asked.get(spec.name, ())) == len(shape):
            own = asked[spec.name]
            changed[spec.name] = tuple(side if index in places else size for index, size in enumerate(own))
    if not any(spec.shape.count(side) >= 2 for spec in sided):
        listed = ", ".join(f"{spec.name} [{_written(spec.shape)}]" for spec in inputs)
        raise InputError(sentence("model.no_open_side", file=file, listed=listed, side=side), NO_SIDE)
    return sided, changed


def _is_open_side(spec: TensorSpec, index: int) -> bool:
    return not isinstance(spec.shape[index], int) and _guesses(spec, index, spec.shape) == SIDES


def _bind(file: str, spec: TensorSpec, shape: Shape, symbols: dict[str, int]) -> None:
    """Check the asked shape against the file's, and learn its symbols."""
    declared = _written(spec.shape)
    if len(shape) != len(spec.shape):
        raise InputError(
            sentence(
                "model.shape_rank_differs",
                file=file,
                input=spec.name,
                written=_written(shape),
                n_shape=len(shape),
                declared=declared,
            ),
            sentence("model.give_dimensions", n_shape=len(spec.shape)),
        )
    for size, dimension in zip(shape, spec.shape, strict=True):
        if size < 0:
            raise InputError(sentence("model.shape_negative", file=file, input=spec.name, written=_written(shape)))
        fixed = symbols.setdefault(dimension, size) if isinstance(dimension, str) else dimension
        if fixed is not None and fixed != size:
            what = (
                sentence("model.file_fixes", declared=declared)
                if isinstance(dimension, int)
                else sentence("model.already", dimension=dimension, fixed=fixed)
            )
            raise InputError(
                sentence("model.shape_does_not_fit", file=file, input=spec.name, written=_written(shape), what=what),
                sentence("model.only_dynamic_dimensions"),
            )


def _filled(spec: TensorSpec, symbols: Mapping[str, int]) -> tuple[int | None, ...]:
    """The dimensions with what is known of them."""
    known = [symbols.get(dimension) if isinstance(dimension, str) else dimension for dimension in spec.shape]
    if known and known[0] is None:
        known[0] = 1
    return tuple(known)


class _Known(NamedTuple):
    """What an example of shapes should keep to. ``batch``: of the inputs whose shapes were given, or ``None``."""

    demanded: Sizes
    batch: int | None


def _given_batch(inputs: Sequence[TensorSpec], asked: Shapes) -> int | None:
    """The size that all given inputs with a dynamic first dimension have in it."""
    sizes = {asked[s.name][0] for s in inputs if s.name in asked and s.shape and not isinstance(s.shape[0], int)}
    return sizes.pop() if len(sizes) == 1 else None


def _open_shapes(
    file: str,
    inputs: Sequence[TensorSpec],
    filled: Mapping[str, tuple[int | None, ...]],
    fits: Fits,
    known: _Known,
) -> InputError:
    """Names every input with a dimension still open, and shapes for them to copy."""
    late = [spec for spec in inputs if None in filled[spec.name]]
    listed = ", ".join(f"{spec.name} [{_written(spec.shape)}]" for spec in late)
    if known.batch is not None:
        unasked = [s.name for s in late if not isinstance(s.shape[0], int) and filled[s.name][0] == 1]
        filled = {**filled, **{name: (known.batch, *filled[name][1:]) for name in unasked}}
    candidates = list(_candidates(inputs, filled, known.demanded))
    example = next((shapes for shapes in candidates if fits(shapes)), candidates[0])
    flags = " ".join(f"--shape {spec.name}={_written(example[spec.name])}" for spec in late)
    return InputError(
        sentence("model.dynamic_inputs" if len(late) > 1 else "model.dynamic_input", file=file, listed=listed),
        sentence("model.choose_sizes", flags=flags),
    )


def _candidates(
    inputs: Sequence[TensorSpec], filled: Mapping[str, tuple[int | None, ...]], demanded: Sizes
) -> Iterator[dict[str, Shape]]:
    """Shapes that might fit, the likeliest first. A dimension of one name has one size in all inputs."""
    guesses: dict[str, tuple[int, ...]] = {}
    for spec in inputs:
        for index, (name, size) in enumerate(zip(spec.shape, filled[spec.name], strict=True)):
            if size is None:
                musts = demanded.get(spec.name, {})
                shape = tuple(musts.get(i, dimension) for i, dimension in enumerate(spec.shape))
                likely = (*_beside(spec, index, inputs, filled), *_guesses(spec, index, shape))
                guesses.setdefault(_key(spec, index, name), likely)
                if index in musts:
                    guesses[_key(spec, index, name)] = (musts[index],)
    for attempt in range(max(map(len, guesses.values()))):
        yield {
            spec.name: tuple(
                guesses[key][min(attempt, len(guesses[key]) - 1)]
                if size is None and (key := _key(spec, index, spec.shape[index]))
                else size or 0
                for index, size in enumerate(filled[spec.name])
            )
            for spec in inputs
        }


def _beside(
    spec: TensorSpec, index: int, inputs: Sequence[TensorSpec], filled: Mapping[str, tuple[int | None, ...]]
) -> Iterator[int]:
    """The sizes of that dimension in inputs like it whose sizes were chosen: ids and their mask are of one length."""
    for other in inputs:
        alike = (other.dtype, len(other.shape)) == (spec.dtype, len(spec.shape))
        size = filled[other.name][index] if alike else None
        if size is not None and not isinstance(other.shape[index], int):
            yield size


def _key(spec: TensorSpec, index: int, name: int | str | None) -> str:
    return name if isinstance(name, str) else f"{spec.name}\0{index}"


def _guesses(spec: TensorSpec, index: int, shape: Sequence[int | str | None]) -> tuple[int, ...]:
    """Sizes that an open dimension is likely to take, judged by its name, else by its place. ``shape``: the input's,
    with the sizes that the graph demands."""
    name = spec.shape[index]
    if isinstance(name, str) and BATCH.search(name):
        return (1,)
    if isinstance(name, str) and SIDE.search(name):
        return SIDES
    if len(shape) == 4 and spec.dtype != "int64" and not isinstance(name, str):
        return _of_image(shape, index)
    if len(shape) == 4 and (shape[1] in (1, 3) or shape[3] in (1, 3)):
        return _of_image(shape, index)
    alone = sum(not isinstance(dimension, int) for dimension in shape) == 1
    if len(shape) == 3 and index == 1 and alone and isinstance(shape[0], int) and shape[0] > 1:
        return (1,)  # layers × batch × width, the state of a recurrent network
    return LENGTHS


def _of_image(shape: Sequence[int | str | None], index: int) -> tuple[int, ...]:
    channels_last = shape[3] in (1, 3)
    return (3, 1) if index == 1 and not channels_last else SIDES


def _written(shape: Sequence[int | str | None]) -> str:
    return ",".join("?" if dimension is None else str(dimension) for dimension in shape)
