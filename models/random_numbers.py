"""Operators that draw random numbers in every run, so that two runs of a graph give different outputs."""

from collections.abc import Iterable

RANDOM_OPERATORS = frozenset(
    (
        *("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
        *("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"),
    )
)
"""Of ONNX and OpenVINO, and of TFLite."""


def drawing(operators: Iterable[str]) -> tuple[str, ...]:
    """Those of ``operators`` (a graph's, branches and loop bodies included) that draw random numbers, by name."""
    return tuple(sorted(RANDOM_OPERATORS.intersection(operators)))
