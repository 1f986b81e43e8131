"""For which SoC a compiled context (EPContext) was made.

libQnnHtp writes the part into each context binary as plain text (``soc_type=QCS6490;arch=68;…``; seen of 2.51 for every
row of ``bench.targets.qnn.socs``). The emulator does not look at it and runs such a file on any chip it is asked for;
so what stands in the file decides which chip is played, and another one is refused.
"""

import mmap
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from msgspec import Struct

from bench.contracts import Artifact
from bench.errors import RunFailure
from bench.targets.compiled_graphs import holds_context
from bench.targets.qnn import socs
from bench.words import Sentence, sentence

STATED = re.compile(rb"soc_type=([A-Za-z0-9]{2,24});arch=(\d{2,3})")
CHOOSING = ("soc", "soc_model", "htp_arch")
"""Options that say which SoC is played."""


class CompiledFor(Struct, frozen=True):
    """The SoC of a context: the part, and the Hexagon version that it was compiled for."""

    part: str
    htp_arch: int

    @property
    def soc(self) -> socs.Soc | None:
        """The row of the table; ``None`` of a part that is not in it."""
        return next((soc for soc in socs.SOCS if soc.part == self.part), None)

    @property
    def name(self) -> str:
        """As people call it, with part and version."""
        known = self.soc
        return (
            f"{known.marketing} ({self.part}, HTP v{self.htp_arch})" if known else f"{self.part} HTP v{self.htp_arch}"
        )


def compiled_for(artifact: Artifact) -> CompiledFor | None:
    """The SoC that the context in ``artifact`` was compiled for; ``None`` where it holds none, or does not say."""
    return _stated(artifact.files) if holds_context(artifact) else None


@cache
def _stated(files: tuple[Path, ...]) -> CompiledFor | None:
    for file in files:
        with file.open("rb") as opened:
            if not opened.seek(0, 2):
                continue
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as held:
                found = STATED.search(held)
                if found is not None:
                    return CompiledFor(found[1].decode(), int(found[2]))
    return None


def refuse_other_soc(artifact: Artifact, options: Mapping[str, str]) -> None:
    """Raises ``RunFailure`` where the options name another SoC than the one that the context was compiled for."""
    told = compiled_for(artifact)
    given = {key: options[key] for key in CHOOSING if key in options}
    if told is None or not given:
        return
    asked = socs.chosen(given, None)
    if asked is not None and asked.part == told.part:
        return
    if asked is None and told.soc is None and given.get("htp_arch", str(told.htp_arch)) == str(told.htp_arch):
        return  # a number that the table lacks, and a part that it lacks: nothing contradicts
    if set(given) == {"htp_arch"} and given["htp_arch"] == str(told.htp_arch):
        return
    named = " ".join(f"{key}={value}" for key, value in given.items())
    raise RunFailure(
        "bad_input",
        sentence("qnn.compiled_for_another_chip", file=artifact.path.name, chip=told.name, options=named),
        sentence("qnn.leave_chip_out", options=given),
        "plan",
    )


def played_as(artifact: Artifact | None, options: Mapping[str, str], chosen: str) -> Sentence | str:
    """Which chip the emulator plays: the ``chosen`` one, except for a context whose chip is not in the table or
    unknown. ``artifact``: ``None`` where the model has not been read."""
    if artifact is None or not holds_context(artifact):
        return chosen
    told = compiled_for(artifact)
    if told is not None:
        return chosen if told.soc is not None else told.name
    if set(CHOOSING) & options.keys():
        return sentence("qnn.chip_as_asked", chip=chosen)
    return sentence("qnn.unnamed_chip")
