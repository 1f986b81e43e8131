"""A criterion: one row of the table of targets (정량적 목표), decided by a figure of a record."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from bench.contracts.model import Task
from bench.submission.texts import Text

Identifier = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]*$(?!\n)", max_length=64)]
Direction = Literal["at_most", "at_least"]
Evidence = Literal["device", "placement", "outputs", "quality", "energy_meter", "external_meter", "reference"]
"""What a criterion needs besides a valid record. ``device``: not an emulator. ``placement``: where the operators ran.
``outputs``: outputs compared with the reference. ``quality``: a dataset. ``energy_meter``: an energy tier that
measures (``sensor`` or ``meter``). ``external_meter``: the joined log of a power meter (``meter``). ``reference``:
quality of the float model on the same samples."""


class Form(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what a track's or a submission's file may hold: an unknown key is an error."""


class Level(Form, frozen=True):
    """A level that others reached (세계 최고수준), or the applicant before the work (연구개발 전 수준), in the unit of
    the criterion. ``holder``: 보유기관; ``country``: 보유국."""

    value: float | None = None
    holder: Text = ""
    country: Text = ""
    source: Text = ""
    conditions: Text = ""


class Criterion(Form, frozen=True):
    """``metric``: a figure of the record by its path (``bench.submission.figures``). ``target`` is in ``unit``;
    ``weight`` in percent. ``model``, ``device`` and ``scenario`` say which record decides it: a model's ``id``, a
    target's ``id`` and a scenario as ``-s`` takes it; empty: the first of the submission that fits. A stand-in decides
    for the device of its own plugin what it may. ``proposed``: ``target`` is the track's proposal, which the applicant
    has not confirmed or replaced yet. ``applies``: the kind of model whose records decide it."""

    id: Identifier
    title: Text
    metric: str
    direction: Direction
    target: float
    unit: str
    weight: float
    model: str = ""
    device: str = ""
    scenario: str = ""
    evidence: tuple[Evidence, ...] = ()
    world_best: Level = Level()
    before: Level = Level()
    method: Text = ""
    conditions: Text = ""
    repeats: int | None = None
    reason: Text = ""
    source: Text = ""
    proposed: bool = False
    applies: Literal["any"] | Task = "any"
