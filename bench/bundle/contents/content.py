"""What the derived files of a bundle follow from, read from its ``data`` folder."""

from collections.abc import Sequence
from pathlib import Path

from bench import __version__
from bench.bundle.contents.derived import Given
from bench.bundle.contents.judging import Content, judged
from bench.bundle.contents.lists import PackedInput, PackedModel
from bench.reading import is_file
from bench.submission.assessment import Assessment
from bench.submission.track import read_track

TRACK_FILE = "track.toml"


def given_of(
    data: Path,
    assessment: Assessment,
    models: Sequence[PackedModel],
    inputs: Sequence[PackedInput],
    *,
    blind: bool,
    version: str = __version__,
) -> Given:
    """``data`` is the folder, ``models`` and ``inputs`` the bundle's lists. ``version``: of the program that packed it.
    Raises ``InputError`` for a track that cannot be read."""
    track = read_track(data / TRACK_FILE) if is_file(data / TRACK_FILE) else None
    content = Content(
        data=data,
        assessment=assessment,
        models=models,
        inputs=inputs,
        track=track,
        version=version,
        blind=blind,
    )
    return Given(judged=judged(content), models=tuple(models), track=track)
