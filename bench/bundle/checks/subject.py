"""What the rules of ``odb verify`` look at: a bundle, what its content gives, and what a rule says of it."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from bench import __version__
from bench.bundle.contents.content import given_of
from bench.bundle.contents.derived import Given
from bench.bundle.contents.layout import ASSESSMENT, FORM, INPUT_LIST, MODEL_LIST, Facts
from bench.bundle.contents.lists import InputList, ModelList
from bench.bundle.opening import Bundle
from bench.bundle.packed_files import DataReader
from bench.errors import InputError
from bench.reading import json_of, read_bytes
from bench.submission.assessment import Assessment, assess
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

T = TypeVar("T", bound=Struct)
Renderer = Callable[[Assessment, Path], Mapping[str, bytes]]


class Wrong(Struct, frozen=True):
    """One thing that a rule found. ``where``: a file of the bundle, and the field in it."""

    where: str
    told: Sentence


class NotChecked(Exception):
    """A rule cannot decide: why, as a sentence."""

    def __init__(self, reason: Sentence) -> None:
        super().__init__(reason)
        self.reason = reason


class Subject:
    """``render``: writes the dossiers again; ``key``: that by which the signature is checked; ``data``:
    what knows datasets and pipelines. What is read from the bundle is read once; each property raises
    ``InputError`` where it cannot be read."""

    def __init__(
        self,
        bundle: Bundle,
        render: Renderer | None,
        key: "Ed25519PublicKey | None",
        data: DataReader | None = None,
    ) -> None:
        self.bundle, self.render, self.key, self.data = bundle, render, key, data

    @property
    def files(self) -> dict[str, Facts]:
        return {name: Facts(one.size_bytes, one.sha256) for name, one in self.bundle.files.items()}

    def content(self, name: str) -> bytes:
        """The bytes of a file that is not of a model. Raises ``InputError``."""
        if name not in self.bundle.files:
            raise InputError(sentence("bundle.file_missing", file=name))
        return read_bytes(self.bundle.folder / name, name=name)

    def json(self, name: str) -> Any:
        """A file as JSON. Raises ``InputError``."""
        return json_of(self.content(name), name)

    def typed(self, name: str, kind: type[T]) -> T:
        """A file as ``kind``. Raises ``InputError`` naming the field."""
        try:
            return msgspec.convert(self.json(name), kind)
        except msgspec.ValidationError as error:
            raise InputError(sentence("text.at", where=name, message=str(error))) from None

    @cached_property
    def assessment(self) -> Assessment:
        """Computed from the records; stored decisions are not read. Raises ``InputError``."""
        self.content(FORM)
        return assess(self.bundle.data)

    @cached_property
    def models(self) -> ModelList:
        return self.typed(MODEL_LIST, ModelList)

    @cached_property
    def inputs(self) -> InputList:
        return self.typed(INPUT_LIST, InputList)

    @cached_property
    def given(self) -> Given:
        """What the derived files follow from. Raises ``InputError``."""
        return given_of(
            self.bundle.data,
            self.assessment,
            self.models.models,
            self.inputs.inputs,
            blind=self.stated_rules.get("blind") is True,
            version=self.version,
        )

    @cached_property
    def version(self) -> str:
        """Of the program that packed it, as the bundle states it. Raises ``InputError``."""
        tool = self.json(ASSESSMENT)
        stated = tool.get("tool", {}) if isinstance(tool, dict) else {}
        version = stated.get("version") if isinstance(stated, dict) else None
        if not isinstance(version, str) or not version:
            raise InputError(sentence("bundle.no_version", file=ASSESSMENT))
        return version

    @property
    def stated_rules(self) -> dict[str, Any]:
        """What ``assessment.json`` states of the rules; empty where it states nothing. Raises ``InputError``."""
        stated = self.json(ASSESSMENT)
        rules = stated.get("rules") if isinstance(stated, dict) else None
        return rules if isinstance(rules, dict) else {}

    @property
    def of_this_version(self) -> bool:
        return self.version == __version__

    def demand_this_version(self) -> None:
        """Raise ``NotChecked`` for a bundle whose files another version writes differently."""
        if not self.of_this_version:
            raise NotChecked(sentence("bundle.other_version", stated=self.version, version=__version__))

    def compared(self, expected: Mapping[str, bytes]) -> Iterator[Wrong]:
        """Where files of the bundle are not, byte for byte, what was ``expected``."""
        for name, data in expected.items():
            if self.content(name) != data:
                yield Wrong(name, sentence("bundle.not_what_follows"))
