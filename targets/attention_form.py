"""The option ``attention``: whether our plain decoder is opened with the runtime's fused operators."""

from collections.abc import Mapping

from bench.contracts import Artifact
from bench.errors import InputError
from bench.targets.plain_decoder import may_be_plain_decoder
from bench.words import Sentence, sentence

NAME = "attention"
FORMS = ("fused", "plain")
OPTION: Mapping[str, Sentence | str] = {NAME: sentence("target.option.attention")}
OPERATORS = ("GroupQueryAttention", "ScaledDotProductAttention")


def checked(options: Mapping[str, str]) -> str:
    """The form that is asked for. Raises ``InputError`` for one that does not exist."""
    form = options.get(NAME, FORMS[0])
    if form not in FORMS:
        raise InputError(
            sentence("target.option_not_one_of", name=NAME, value=form), sentence("target.give_one_of", values=FORMS)
        )
    return form


def may_be_fused(artifact: Artifact, options: Mapping[str, str] | None) -> bool:
    """Whether to look for a form with fused operators; quick, and reads no graph."""
    return checked(options or {}) == "fused" and may_be_plain_decoder(artifact)


def is_fused(artifact: Artifact) -> bool:
    """Whether the graph has an operator that computes attention."""
    return any(name in artifact.facts.operators for name in OPERATORS)


def others(options: Mapping[str, str]) -> dict[str, str]:
    """``options`` without this one: those of the runtime."""
    return {name: value for name, value in options.items() if name != NAME}


def effective(artifact: Artifact) -> dict[str, str]:
    """For a language model the operator that computes attention, as options in force are stated: by its name where it
    is a fused one, else ``plain``."""
    if artifact.task != "text_generation":
        return {}
    found = next((name for name in OPERATORS if name in artifact.facts.operators), "plain")
    return {NAME: found}
