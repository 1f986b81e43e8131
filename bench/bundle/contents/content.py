"""What the derived files of a bundle follow from, read from its ``data`` folder."""

from collections.abc import Mapping
from pathlib import Path

from bench.bundle.contents.derived import Given
from bench.bundle.contents.judging import Judged
from bench.bundle.contents.layout import Facts
from bench.bundle.contents.lists import PackedModel
from bench.reading import is_file
from bench.submission.assessment import Assessment
from bench.submission.track import read_track


def given_of(data: Path, files: Mapping[str, Facts], assessment: Assessment, models: tuple[PackedModel, ...]) -> Given:
    """``data`` is the folder, ``files`` what the bundle holds, also of what is not in the folder. Raises ``InputError``
    for a track that cannot be read."""
    track = read_track(data / "track.toml") if is_file(data / "track.toml") else None
    return Given(judged=Judged(assessment=assessment, version=assessment.submission.rules), models=models, track=track)
