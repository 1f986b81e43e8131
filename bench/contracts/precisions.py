"""The types that a model's arithmetic ran in, weights and activations apart."""

import re

from msgspec import Struct


class Precisions(Struct, frozen=True):
    """The types that convolutions and matrix products take their ``weights`` and ``activations`` in (``int4``,
    ``int16``, ``float16`` …), most frequent first, joined by ``+``; "" if the runtime does not report it."""

    weights: str
    activations: str

    @property
    def short_name(self) -> str:
        """As the field writes it, ``w8a16``; "" unless there is one type of weights, of integers, and one of
        activations."""
        bits = [re.fullmatch(r"(int|float|bfloat)(\d+)", name) for name in (self.weights, self.activations)]
        if None in bits or not self.weights.startswith("int"):
            return ""
        weights, activations = (match[2] for match in bits if match is not None)
        return f"w{weights}a{activations}"

    @property
    def name(self) -> str:
        """One name for the arithmetic: of integers ``int8`` or, where weights and activations differ, ``w8a16``; else
        the type of the activations."""
        if self.activations.startswith("int") and self.weights != self.activations:
            return self.short_name or self.activations
        return self.activations
