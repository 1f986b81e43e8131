"""What a session is fed."""

import numpy as np
import pytest

from bench.contracts import TensorSpec
from bench.errors import RunFailure
from bench.targets.feeds import owned, refuse_unlike

SPECS = (TensorSpec("b", "float32", (1, 2)), TensorSpec("a", "int64", ("batch", None)))


def fitting() -> dict[str, np.ndarray]:
    return {"a": np.zeros((3, 4), np.int64), "b": np.zeros((1, 2), np.float32)}


def test_copies_come_in_the_order_of_the_inputs() -> None:
    """The result has one array an input, in the graph's order."""
    assert ["b", "a"] == list(owned(fitting(), SPECS))


def test_arrays_are_copies() -> None:
    """Writing to what was fed does not change what is bound."""
    feeds = fitting()
    bound = owned(feeds, SPECS)
    feeds["b"][:] = 7
    assert [[0.0, 0.0]] == bound["b"].tolist()


def test_arrays_are_contiguous() -> None:
    """A transposed view becomes contiguous memory with the same values."""
    feeds = fitting() | {"a": np.arange(6).reshape(2, 3).T}
    bound = owned(feeds, SPECS)["a"]
    assert (True, [[0, 3], [1, 4], [2, 5]]) == (bound.flags.c_contiguous, bound.tolist())


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"c": np.zeros(1)}, "differ: unknown c"),
        ({"b": np.zeros((1, 2))}, "but was fed float64"),
        ({"b": np.zeros((2, 2), np.float32)}, "the graph takes shape [1,2], but was fed [2,2]"),
        ({"a": np.zeros(3, np.int64)}, "the graph takes shape [batch,?], but was fed [3]"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, np.ndarray], part: str) -> None:
    """A wrong name, dtype or shape is bad input, and the message says which."""
    with pytest.raises(RunFailure) as caught:
        owned(fitting() | change, SPECS)
    assert ("bad_input", True) == (caught.value.kind, part in caught.value.message)


def test_a_missing_input_is_refused() -> None:
    """An input without an array is named."""
    with pytest.raises(RunFailure) as caught:
        owned({"b": np.zeros((1, 2), np.float32)}, SPECS)
    assert caught.value.message == "inputs fed and inputs of the graph differ: missing a"


def test_missing_and_unknown_inputs_are_named_together() -> None:
    """One message for both."""
    with pytest.raises(RunFailure) as caught:
        owned({"b": np.zeros((1, 2), np.float32), "c": np.zeros(1)}, SPECS)
    assert caught.value.message == "inputs fed and inputs of the graph differ: missing a, unknown c"


@pytest.mark.parametrize("change", [{"c": np.zeros(1)}, {"b": np.zeros((1, 2))}, {"a": np.zeros(3, np.int64)}])
def test_what_is_refilled_is_refused_as_what_is_bound(change: dict[str, np.ndarray]) -> None:
    """Unlike what is held it is looked at in full, and another size of a dimension that the graph leaves open does not
    go where the other is: not even 1, which numpy would repeat."""
    held = owned(fitting(), SPECS)
    refuse_unlike(fitting(), held, SPECS)
    for size in (1, 5):
        with pytest.raises(RunFailure, match=r"input a: the graph takes shape \[\d+,4\], but was fed"):
            refuse_unlike(fitting() | {"a": np.zeros((size, 4), np.int64)}, held, SPECS)
    with pytest.raises(RunFailure):
        refuse_unlike(fitting() | change, held, SPECS)
    with pytest.raises(RunFailure):
        refuse_unlike({"a": fitting()["a"]}, held, SPECS)
