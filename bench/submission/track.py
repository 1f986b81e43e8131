"""A track of the challenge: the device, what is measured on it, and the criteria proposed for it. One TOML file each,
in ``bench/tracks/``; a user's own track is a file of the same form."""

from pathlib import Path
from typing import Literal

from bench.contracts.scenario import Value
from bench.errors import UnknownName
from bench.submission.criterion import Criterion, Form, Identifier
from bench.submission.files import read_form
from bench.submission.texts import Text, Texts
from bench.words import sentence

TRACKS = Path(__file__).resolve().parents[1] / "tracks"


class Partner(Form, frozen=True):
    """The demand company (수요기업), and whose processor its devices use."""

    id: Literal["lg-intel", "qualcomm", "own"]
    name: Texts


class TrackTarget(Form, frozen=True):
    """A target in order of preference. ``stand_in``: an emulator, which proves what ``proves`` lists and never speed.
    ``options``: such as the SoC that is emulated."""

    id: str
    reason: Text
    options: dict[str, str] = {}
    stand_in: bool = False
    proves: tuple[Literal["placement", "outputs", "quality"], ...] = ()


class TrackScenario(Form, frozen=True):
    """A scenario as ``-s`` takes it, and why it fits the device's life. One that this version cannot play is shown as
    not measurable."""

    scenario: str
    reason: Text
    parameters: dict[str, Value] = {}


class Track(Form, frozen=True):
    """``soc``: processors of such devices, by the names that targets use. ``precision``: the types that their
    accelerators run. Criteria hold proposals, each with its reason and its source."""

    id: Identifier
    name: Texts
    partner: Partner
    device: Texts
    about: Texts
    targets: tuple[TrackTarget, ...]
    scenarios: tuple[TrackScenario, ...]
    criteria: tuple[Criterion, ...]
    soc: tuple[str, ...] = ()
    precision: tuple[str, ...] = ()


def track_names() -> tuple[str, ...]:
    """The tracks of this project, by id."""
    return tuple(sorted(file.stem for file in TRACKS.glob("*.toml")))


def track_named(name: str) -> Track:
    """The track of that id. Raises ``UnknownName`` with the nearest."""
    if name not in track_names():
        raise UnknownName(sentence("submission.track"), name, track_names())
    return read_track(TRACKS / f"{name}.toml")


def read_track(file: Path) -> Track:
    """A track from its file, its types alone checked: ``bench.submission.track_check`` checks the rest. Raises
    ``InputError`` naming file and field."""
    return read_form(file, Track)
