"""Tensors as GGUF stores them, read some rows at a time: exactly as numbers, and as blocks where they are affine."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from bench.errors import InputError
from bench.models.checkpoints.checkpoint import Blocks
from bench.models.checkpoints.gguf import unpacking
from bench.models.checkpoints.gguf.header import DAMAGED, Header, StoredTensor
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

PIECE_NUMBERS = 1 << 19  # unpacked at a time: unpacking needs several arrays of that size


class Affine(NamedTuple):
    """Numbers that share a scale, the bits of a code, and what unpacks blocks of bytes [n, bytes]."""

    block: int
    bits: int
    unpack: Callable[["Array"], Blocks]


AFFINE = {
    "Q4_0": Affine(32, 4, unpacking.q4_0),
    "Q4_1": Affine(32, 4, unpacking.q4_1),
    "Q5_0": Affine(32, 8, unpacking.q5_0),
    "Q5_1": Affine(32, 8, unpacking.q5_1),
    "Q8_0": Affine(32, 8, unpacking.q8_0),
    "Q2_K": Affine(16, 4, unpacking.q2_k),
    "Q3_K": Affine(16, 4, unpacking.q3_k),
    "Q4_K": Affine(32, 4, unpacking.q4_k),
    "Q5_K": Affine(32, 8, unpacking.q5_k),
    "Q6_K": Affine(16, 8, unpacking.q6_k),
    "IQ4_NL": Affine(32, 8, unpacking.iq4_nl),
    "IQ4_XS": Affine(32, 8, unpacking.iq4_xs),
}
FLOATS = ("F32", "F16", "BF16")
OTHERS = (*("TQ1_0", "TQ2_0", "MXFP4", "NVFP4", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S", "IQ1_M"),)
"""Read as numbers only."""


class Kind(Struct, frozen=True):
    """A type of ggml. ``numbers`` lie in ``n_bytes``."""

    name: str
    numbers: int
    n_bytes: int


def kind_of(header: Header, tensor: StoredTensor) -> Kind:
    """The tensor's type. Raises ``InputError`` naming the tensor if it is unknown, or not one of weights."""
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    try:
        known = GGMLQuantizationType(tensor.kind)
        numbers, n_bytes = GGML_QUANT_SIZES[known]
    except (ValueError, KeyError):
        raise InputError(
            sentence("gguf.unknown_type", file=header.path.name, field=tensor.name, kind=tensor.kind),
            sentence("gguf.update_or_quantise_again"),
        ) from None
    if known.name not in (*FLOATS, *AFFINE, *OTHERS):
        raise InputError(
            sentence("gguf.type_not_read", file=header.path.name, field=tensor.name, kind=known.name),
            sentence("gguf.update_or_quantise_again"),
        )
    return Kind(known.name, numbers, n_bytes)


class GgufTensor:
    """A matrix [outputs, inputs] or a vector [n], or some of its rows.

    ``first``, ``outputs``: the rows of the file that it has. ``order``: row number ``i`` of each head of ``len(order)``
    rows is the head's row ``order[i]`` in the file.
    """

    def __init__(
        self,
        header: Header,
        stored: StoredTensor,
        *,
        first: int = 0,
        outputs: int | None = None,
        order: "Array | None" = None,
    ) -> None:
        self._path: Path = header.path
        self._stored, self._kind = stored, kind_of(header, stored)
        self._first, self._order = first, order
        self._inputs = stored.shape[-1] if len(stored.shape) > 1 else 1
        self._row_bytes = self._inputs * self._kind.n_bytes // self._kind.numbers
        self._outputs = stored.shape[0] if outputs is None else outputs
        self._refuse_misplaced(header)

    def _refuse_misplaced(self, header: Header) -> None:
        stored, kind = self._stored, self._kind
        if self._inputs % kind.numbers:
            raise header.refused(
                "gguf.row_not_whole_blocks", field=stored.name, shape=str(list(stored.shape)), kind=kind.name
            )
        end = stored.offset + stored.shape[0] * self._row_bytes
        if end > header.size_bytes:
            raise header.refused("gguf.data_ends_early", field=stored.name, end=end, size=header.size_bytes)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._outputs, self._inputs) if len(self._stored.shape) > 1 else (self._outputs,)

    @property
    def stored_as(self) -> str:
        return self._kind.name

    @property
    def bits(self) -> int | None:
        affine = AFFINE.get(self._kind.name)
        return affine.bits if affine else None

    @property
    def block(self) -> int:
        affine = AFFINE.get(self._kind.name)
        return affine.block if affine else 0

    def rows(self, start: int, stop: int) -> "Array":
        import numpy as np

        found = np.empty((stop - start, self._inputs), np.float32)
        for place, data in self._pieces(start, stop):
            found[place] = self._numbers(data)
        return found if len(self._stored.shape) > 1 else found[:, 0]

    def blocks(self, start: int, stop: int) -> Blocks:
        import numpy as np

        affine, count = AFFINE[self._kind.name], stop - start
        codes = np.empty((count, self._inputs), np.int8)
        scale = np.empty((count, self._inputs // affine.block), np.float32)
        offset = None
        for place, data in self._pieces(start, stop):
            piece = affine.unpack(data.reshape(-1, self._kind.n_bytes))
            codes[place] = piece.codes.reshape(len(data), -1)
            scale[place] = piece.scale.reshape(len(data), -1)
            if piece.offset is not None:
                offset = np.empty_like(scale) if offset is None else offset
                offset[place] = piece.offset.reshape(len(data), -1)
        return Blocks(codes, scale, offset)

    def _pieces(self, start: int, stop: int) -> "Iterator[tuple[slice, Array]]":
        """The rows' bytes [n, row bytes], and their place in the answer."""
        step = max(1, PIECE_NUMBERS // self._inputs)
        for begin in range(start, stop, step):
            end = min(begin + step, stop)
            yield slice(begin - start, end - start), self._bytes(begin, end)

    def _bytes(self, start: int, stop: int) -> "Array":
        import numpy as np

        if self._order is None:
            return self._read(start, stop)
        width = len(self._order)
        first = start // width * width
        heads = self._read(first, -(-stop // width) * width)
        wanted = np.arange(start, stop)
        return heads[wanted // width * width + self._order[wanted % width] - first]

    def _read(self, start: int, stop: int) -> "Array":
        """The bytes of these rows as they follow each other in the file."""
        import numpy as np

        offset = self._stored.offset + (self._first + start) * self._row_bytes
        count = (stop - start) * self._row_bytes
        try:
            found = np.fromfile(self._path, np.uint8, count, offset=offset)
        except OSError as error:
            raise InputError(
                sentence("reading.cannot_be_read", said=self._path.name, value=error.strerror or error)
            ) from None
        if len(found) != count:
            size = self._path.stat().st_size
            raise InputError(
                sentence(
                    "gguf.data_ends_early",
                    file=self._path.name,
                    field=self._stored.name,
                    end=offset + count,
                    size=size,
                ),
                DAMAGED,
            )
        return found.reshape(stop - start, self._row_bytes)

    def _numbers(self, data: "Array") -> "Array":
        """Float32 [n, inputs] of rows of bytes."""
        import numpy as np

        if self._kind.name in ("F32", "F16"):
            return data.view("<f4" if self._kind.name == "F32" else "<f2")
        if self._kind.name == "BF16":
            return (data.view("<u2").astype(np.uint32) << 16).view(np.float32)
        from gguf.constants import GGMLQuantizationType
        from gguf.quants import dequantize

        found: Array = dequantize(data, GGMLQuantizationType[self._kind.name])
        return found
