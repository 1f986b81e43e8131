"""Which head a model's outputs belong to: the one that was named, or the only one that their names and shapes fit."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.errors import InputError, UnknownName
from bench.quality.heads.head import Fitted, Head, Network
from bench.quality.heads.table import HEADS
from bench.quality.scoring import WrongOption
from bench.suite.dataset_options import DECLARED, DatasetOptions
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    from bench.quality.heads.head import Outputs

    Array = np.ndarray[Any, Any]


class Choice(Struct, frozen=True):
    """``named``: the user said it; otherwise it was recognised."""

    head: Head
    fitted: Fitted
    named: bool


def without_batch(outputs: "Outputs") -> "dict[str, Array]":
    """A leading dimension of 1 is the batch in an output of three dimensions and more."""
    import numpy as np

    arrays = {name: np.asarray(array) for name, array in outputs.items()}
    return {name: array[0] if array.ndim > 2 and len(array) == 1 else array for name, array in arrays.items()}


def choose(outputs: "Outputs", network: Network, options: DatasetOptions) -> Choice | None:
    """The head of ``outputs`` [without the batch], or ``None`` for boxes that the options or the outputs' names
    declare. Raises ``WrongOption`` where the named head does not fit, or none or several do."""
    if options.head:
        return _named(outputs, network, options)
    if options.states(DECLARED):
        return None
    fitting = list(fitting_heads(outputs, network, options))
    whole = [(head, found) for head, found in fitting if isinstance(found, Fitted)]
    if len(whole) == 1:
        return Choice(*whole[0], named=False)
    if not whole and {"boxes", "scores"} <= set(outputs):
        return None
    if len(fitting) == 1 and isinstance(fitting[0][1], InputError):
        raise WrongOption(fitting[0][1].sentence, fitting[0][1].advice)
    names = [head.name for head, _ in whole or fitting]
    if not names:
        raise WrongOption(
            sentence("quality.heads.none_fits", outputs=shapes(outputs), width=network.width, height=network.height),
            sentence("quality.heads.say_declared", heads=list(HEADS)),
        )
    raise WrongOption(
        sentence("quality.heads.several_fit", outputs=shapes(outputs), heads=names),
        sentence("quality.heads.say_head", heads=names),
    )


def _named(outputs: "Outputs", network: Network, options: DatasetOptions) -> Choice:
    head = HEADS.get(options.head)
    if head is None:
        raise UnknownName(sentence("quality.heads.head"), options.head, tuple(HEADS))
    try:
        fitted = head.fit(outputs, network, options)
    except InputError as error:
        raise WrongOption(error.sentence, error.advice) from None
    if fitted is not None:
        return Choice(head, fitted, named=True)
    others = [other.name for other, _ in fitting_heads(outputs, network, options)]
    advice = sentence("quality.heads.say_head", heads=others) if others else sentence("quality.heads.see_heads")
    raise WrongOption(
        sentence(
            "quality.heads.does_not_fit",
            head=head.name,
            wanted=wanted(head, network),
            outputs=shapes(outputs),
            width=network.width,
            height=network.height,
        ),
        advice,
    )


def wanted(head: Head, network: Network) -> Sentence:
    """The outputs that a head has for an input of that size."""
    cells = head.cells(network)
    return sentence(f"quality.head.{head.name.replace('-', '_')}", cells=cells)


def fitting_heads(
    outputs: "Outputs", network: Network, options: DatasetOptions
) -> "Iterator[tuple[Head, Fitted | InputError]]":
    """Every head that the outputs fit; with the error where only an option is missing."""
    for head in HEADS.values():
        try:
            fitted = head.fit(outputs, network, options)
        except InputError as error:
            yield head, error
            continue
        if fitted is not None:
            yield head, fitted


def shapes(outputs: "Mapping[str, Array]") -> list[str]:
    return [f"{name} {list(array.shape)}" for name, array in outputs.items()]
