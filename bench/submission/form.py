"""``submission.toml``: who submits what for which track, and what it is judged by."""

from pathlib import Path

from bench.contracts.scenario import Value
from bench.errors import InputError
from bench.reading import exists, is_folder
from bench.scenarios.parameters import texts_of
from bench.submission.criterion import Criterion, Form
from bench.submission.files import read_form
from bench.submission.texts import Text
from bench.words import sentence

SUBMISSION = "submission.toml"
RECORDS = "records"
FORMAT = 1
DEFAULT_MARGIN_PERCENT = 5.0


class Project(Form, frozen=True):
    """과제: its name, and in a few sentences what it does and for whom."""

    name: Text = ""
    summary: Text = ""
    period: Text = ""


class Party(Form, frozen=True):
    """The applicant, or the demand company. ``contact`` and ``names`` of people never enter a blind bundle."""

    organisation: Text = ""
    contact: str = ""
    people: tuple[str, ...] = ()
    registration: str = ""


class SubmittedDevice(Form, frozen=True):
    """What a program cannot detect of the device; everything else comes from the records' environment."""

    name: Text = ""
    maker: Text = ""
    soc: str = ""
    form_factor: Text = ""
    power_supply: Text = ""
    cooling: Text = ""
    room_celsius: float | None = None
    notes: Text = ""


class SubmittedModel(Form, frozen=True):
    """A model of the submission. ``source``: a built-in's name, or a file or folder, relative to the submission's
    folder. The other fields are those of a suite's ``[[models]]``."""

    id: str
    source: str
    title: Text = ""
    licence: str = ""
    precision: str | None = None
    shapes: dict[str, tuple[int, ...]] = {}
    inputs: dict[str, str] = {}
    preprocessing: str = ""
    prompts: str = ""
    dataset: str = ""
    dataset_options: str = ""
    pipeline_inputs: str = ""
    reference: str = ""
    chat: bool = False
    stop: bool = False


class SubmittedTarget(Form, frozen=True):
    """A target to measure on. ``stand_in``: an emulator; it proves placement and outputs, never speed."""

    id: str
    options: dict[str, str] = {}
    stand_in: bool = False


class SubmittedScenario(Form, frozen=True):
    """A scenario by name, with its parameters as a suite's ``[[scenarios]]`` has them. ``models``: ids of those that it
    is played with; empty: all that fit."""

    name: str
    parameters: dict[str, Value] = {}
    models: tuple[str, ...] = ()

    @property
    def asked(self) -> str:
        """As ``-s`` takes it: ``multi-stream:streams=4``."""
        pairs = ",".join(texts_of(self.parameters))
        return f"{self.name}:{pairs}" if pairs else self.name


class Measuring(Form, frozen=True):
    """How it is measured. ``margin_percent``: within which a reviewer's figure counts as the same (``odb reproduce``);
    it is part of the claim."""

    preset: str = "standard"
    seed: int = 0
    repeats: int | None = None
    max_seconds: float | None = None
    margin_percent: float = DEFAULT_MARGIN_PERCENT


class Submission(Form, frozen=True):
    """The whole form. ``track``: an id, or the name of a track's file in the folder. ``rules``: the version of the rule
    set that it was written for."""

    format: int
    track: str
    rules: int
    project: Project = Project()
    applicant: Party = Party()
    demand_company: Party = Party()
    device: SubmittedDevice = SubmittedDevice()
    measuring: Measuring = Measuring()
    models: tuple[SubmittedModel, ...] = ()
    targets: tuple[SubmittedTarget, ...] = ()
    scenarios: tuple[SubmittedScenario, ...] = ()
    criteria: tuple[Criterion, ...] = ()


def read_submission(folder: Path) -> Submission:
    """``folder/submission.toml``. Raises ``InputError`` naming file and field."""
    if not is_folder(folder):
        code = "submission.not_a_folder" if exists(folder) else "submission.no_such_folder"
        raise InputError(sentence(code, folder=folder), sentence("submission.give_folder"))
    if not exists(folder / SUBMISSION):
        raise InputError(sentence("submission.no_form", folder=folder), sentence("submission.give_folder"))
    return read_form(folder / SUBMISSION, Submission)
