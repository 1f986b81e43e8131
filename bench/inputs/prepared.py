"""Prepares all inputs of a tensor model, given or generated, and states for each which it is."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import Artifact, InputRole
from bench.errors import InputError, of_flag
from bench.inputs.feeds import feeds_source, given_feeds, input_source
from bench.inputs.made_inputs import NO_ROLE, seeded_feeds, values_in_words
from bench.inputs.tensor_files import feeds_sha256, save_feeds
from bench.inputs.tokenizer_file import Counted
from bench.record.inputs import FedInput, InputFacts, NotTaken
from bench.record.record import Failure
from bench.suite.preprocessing import parse_preprocessing
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Feeds = dict[str, np.ndarray[Any, Any]]


class InputsAsked(Struct, frozen=True, kw_only=True):
    """What the user gave for a model to be fed, and how many sets of inputs are wanted, for checking outputs.

    ``files``: ``NAME=FILE``, or ``FILE.npz``. ``prompts``: a file of texts; ``chat``: in the model's chat template;
    ``turns``: of the conversation that they are.
    ``seed``: of what is made up.
    """

    files: tuple[str, ...] = ()
    preprocessing: str = ""
    sets: int = 4
    seed: int = 0
    prompt_ids: tuple[int, ...] = ()
    prompts: str = ""
    chat: bool = False
    turns: int | None = None


class Prepared(Struct, frozen=True, kw_only=True):
    """A model and its inputs, ready to be opened and fed.

    ``feeds[0]`` is what is timed. ``checks``: what outputs are compared on, from ``check_source``.
    ``dataset_samples``: how many seem to be there. ``question_tokens``: of the longest question among them with a
    choice, where it is long. ``prompt_tokens``: of the longest of the user's prompts, at most.
    ``tokenizer``: the ``tokenizer.json`` beside the model. ``counted``: the prompts' lengths by it.
    ``no_texts``: why the dataset holds no text that this tokenizer makes tokens of; an engine's own may.
    ``pipeline_files``: those that can go through the pipeline, ``not_taken`` the others.
    """

    artifact: Artifact
    feeds: tuple[Path, ...] = ()
    inputs: InputFacts | None = None
    checks: tuple[Path, ...] = ()
    check_source: str = ""
    dataset_samples: int = 0
    question_tokens: int = 0
    prompts: Path | None = None
    prompt_tokens: int | None = None
    tokenizer: Path | None = None
    counted: Counted = Counted()
    no_texts: Failure | None = None
    pipeline_files: tuple[Path, ...] = ()
    not_taken: tuple[NotTaken, ...] = ()


def prepared_tensors(asked: InputsAsked, artifact: Artifact, folder: Path) -> Prepared:
    """One file a set of inputs, in ``folder``: several where any input is made up, else one. Raises ``InputError``."""
    specs, shapes, roles = artifact.facts.inputs, artifact.shapes, artifact.facts.roles.inputs
    preprocessing = parse_preprocessing(asked.preprocessing) if asked.preprocessing else None
    given = given_feeds(asked.files, specs, shapes, preprocessing)
    _check_rows(given, roles)
    missing = [spec for spec in specs if spec.name not in given]
    sets: list[Feeds] = [
        {**seeded_feeds(missing, shapes, asked.seed + index, roles), **given}
        for index in range(asked.sets if missing else 1)
    ]
    paths: list[Path] = []
    for index, feeds in enumerate(sets):
        paths.append(folder / f"inputs-{index}.npz")
        save_feeds(paths[-1], feeds)
    source = feeds_source(asked.files, made_up=bool(missing))
    facts = InputFacts(
        source,
        feeds_sha256(sets[0]),
        {spec.name: tuple(int(side) for side in sets[0][spec.name].shape) for spec in specs},
        _stated(asked),
        fed_inputs(asked, artifact, given),
    )
    return Prepared(artifact=artifact, feeds=tuple(paths), inputs=facts, checks=tuple(paths), check_source=source)


def fed_inputs(asked: InputsAsked, artifact: Artifact, given: "Feeds") -> tuple[FedInput, ...]:
    """What each input is fed."""
    fed = []
    names = [spec.name for spec in artifact.facts.inputs]
    for spec in artifact.facts.inputs:
        role = artifact.facts.roles.inputs.get(spec.name, NO_ROLE)
        shape = artifact.shapes[spec.name]
        fed.append(
            FedInput(
                spec.name,
                spec.dtype,
                input_source(spec.name, asked.files, names) if spec.name in given else "seeded",
                "" if spec.name in given else values_in_words(spec, shape, role),
                role.decides_work,
                role.rows,
            )
        )
    return tuple(fed)


def _stated(asked: InputsAsked) -> str:
    """The preprocessing of images, where any were given."""
    given = [one for one in asked.files if feeds_source([one]) == "image"]
    return str(parse_preprocessing(asked.preprocessing)) if given else ""


def _check_rows(given: "Feeds", roles: dict[str, InputRole]) -> None:
    """Refuse indices outside the table that they pick from: some engines read past its end and say nothing."""
    for name, array in given.items():
        rows = roles.get(name, NO_ROLE).rows
        if rows is None or array.dtype.kind not in "iu" or not array.size:
            continue
        if int(array.max()) >= rows or int(array.min()) < -rows:
            raise InputError(
                of_flag(
                    "--input",
                    sentence(
                        "input.index_outside_table",
                        name=name,
                        lowest=int(array.min()),
                        highest=int(array.max()),
                        rows=rows,
                    ),
                ),
                sentence("input.give_indices", last=rows - 1),
            )
