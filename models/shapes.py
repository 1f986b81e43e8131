"""Fixes the shape of every input of a file: what the file says, what the user asked, and one stated default."""

from collections.abc import Mapping, Sequence

from bench.contracts import Shapes, TensorSpec
from bench.errors import InputError, UnknownName

Shape = tuple[int, ...]


def resolve_shapes(file: str, inputs: Sequence[TensorSpec], asked: Shapes) -> dict[str, Shape]:
    """The shape of every input of ``file`` (named in messages).

    A symbol (``"batch"``) asked for in one input holds in all. A dynamic first dimension that nobody asked for becomes
    1; any other raises ``InputError``, as do unknown inputs, a wrong rank and conflicts.
    """
    names = [spec.name for spec in inputs]
    for name in asked:
        if name not in names:
            raise UnknownName(f"input of {file} in --shape", name, names)
    symbols: dict[str, int] = {}
    for spec in inputs:
        if spec.name in asked:
            _bind(file, spec, asked[spec.name], symbols)
    return {spec.name: asked[spec.name] if spec.name in asked else _filled(file, spec, symbols) for spec in inputs}


def _bind(file: str, spec: TensorSpec, shape: Shape, symbols: dict[str, int]) -> None:
    """Check the asked shape against the file's, and learn its symbols."""
    declared = _written(spec.shape)
    if len(shape) != len(spec.shape):
        raise InputError(
            f"{file}: --shape {spec.name}={_written(shape)} has {len(shape)} dimensions; the file has [{declared}]",
            f"Give {len(spec.shape)} dimensions.",
        )
    for size, dimension in zip(shape, spec.shape, strict=True):
        if size < 1:
            raise InputError(f"{file}: --shape {spec.name}={_written(shape)}: a dimension must be 1 or more")
        fixed = symbols.setdefault(dimension, size) if isinstance(dimension, str) else dimension
        if fixed is not None and fixed != size:
            what = f"the file fixes [{declared}]" if isinstance(dimension, int) else f"{dimension} is already {fixed}"
            raise InputError(
                f"{file}: --shape {spec.name}={_written(shape)} does not fit: {what}",
                "Only dynamic dimensions can be chosen; a dimension with the same name must be the same everywhere.",
            )


def _filled(file: str, spec: TensorSpec, symbols: Mapping[str, int]) -> Shape:
    shape: list[int] = []
    for index, dimension in enumerate(spec.shape):
        size = symbols.get(dimension) if isinstance(dimension, str) else dimension
        if size is None and index > 0:
            raise InputError(
                f"{file}: input {spec.name} has the dynamic shape [{_written(spec.shape)}]",
                f"Choose its sizes, for example --shape {spec.name}={_example(spec)}",
            )
        shape.append(1 if size is None else size)
    return tuple(shape)


def _written(shape: Sequence[int | str | None]) -> str:
    return ",".join("?" if dimension is None else str(dimension) for dimension in shape)


def _example(spec: TensorSpec) -> str:
    """A shape to copy: image sides where it looks like an image, 1 first, else a length."""
    rank = len(spec.shape)
    sizes = [dimension if isinstance(dimension, int) else (224 if rank == 4 else 128) for dimension in spec.shape]
    if not isinstance(spec.shape[0], int):
        sizes[0] = 1
    if rank == 4 and not isinstance(spec.shape[1], int) and spec.shape[3] != 3:
        sizes[1] = 3
    return _written(sizes)
