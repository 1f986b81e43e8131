"""``submission.toml`` as it is written for people is read back as what was meant."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.submission.criterion import Criterion, Level
from bench.submission.files import form_of
from bench.submission.form import (
    Measuring,
    Party,
    Project,
    Submission,
    SubmittedDevice,
    SubmittedModel,
    SubmittedScenario,
    SubmittedTarget,
)
from bench.submission.form_text import WIDTH, form_text
from bench.submission.texts import Texts
from bench.submission.toml_text import toml_key, toml_string, toml_value
from bench.words import languages, speaking
from bench.words.cells import cells

PLAIN = st.text(max_size=12)
TEXT = PLAIN | st.builds(Texts, ko=PLAIN, en=PLAIN)
NUMBER = st.floats(allow_nan=False)
MAYBE = st.none() | NUMBER
COUNT = st.integers(-(2**63), 2**63 - 1)
NAMES = st.lists(PLAIN, max_size=3).map(tuple)
STRINGS = st.dictionaries(PLAIN, PLAIN, max_size=3)
LEVELS = st.builds(Level, value=MAYBE, holder=TEXT, country=TEXT, source=TEXT, conditions=TEXT)
CRITERIA = st.builds(
    Criterion,
    id=st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True),
    title=TEXT,
    metric=PLAIN,
    direction=st.sampled_from(("at_most", "at_least")),
    target=NUMBER,
    unit=PLAIN,
    weight=NUMBER,
    model=PLAIN,
    device=PLAIN,
    scenario=PLAIN,
    evidence=st.lists(st.sampled_from(("device", "placement", "reference")), max_size=2).map(tuple),
    world_best=LEVELS,
    before=LEVELS,
    method=TEXT,
    conditions=TEXT,
    repeats=st.none() | COUNT,
    reason=TEXT,
    source=TEXT,
    proposed=st.booleans(),
)
MODELS = st.builds(
    SubmittedModel,
    id=PLAIN,
    source=PLAIN,
    title=TEXT,
    precision=st.none() | PLAIN,
    shapes=st.dictionaries(PLAIN, st.lists(COUNT, max_size=3).map(tuple), max_size=2),
    inputs=STRINGS,
    dataset=PLAIN,
)
SCENARIOS = st.builds(
    SubmittedScenario,
    name=PLAIN,
    parameters=st.dictionaries(PLAIN, COUNT | NUMBER | PLAIN, max_size=3),
    models=NAMES,
)
SUBMISSIONS = st.builds(
    Submission,
    format=COUNT,
    track=PLAIN,
    rules=COUNT,
    project=st.builds(Project, name=TEXT, summary=TEXT, period=TEXT),
    applicant=st.builds(Party, organisation=TEXT, contact=PLAIN, people=NAMES, registration=PLAIN),
    demand_company=st.builds(Party, organisation=TEXT, people=NAMES),
    device=st.builds(SubmittedDevice, name=TEXT, soc=PLAIN, room_celsius=MAYBE, notes=TEXT),
    measuring=st.builds(Measuring, preset=PLAIN, seed=COUNT, repeats=st.none() | COUNT, max_seconds=MAYBE),
    models=st.lists(MODELS, max_size=2).map(tuple),
    targets=st.lists(st.builds(SubmittedTarget, id=PLAIN, options=STRINGS, stand_in=st.booleans()), max_size=2).map(
        tuple
    ),
    scenarios=st.lists(SCENARIOS, max_size=2).map(tuple),
    criteria=st.lists(CRITERIA, max_size=2).map(tuple),
)


@given(SUBMISSIONS, st.dictionaries(PLAIN, TEXT, max_size=3), st.sampled_from(languages()))
def test_what_is_written_is_read_back(submission: Submission, reasons: dict[str, str | Texts], language: str) -> None:
    """In every language, whatever quotes, line breaks or signs its texts hold, and whatever the comments say."""
    for item in (*submission.targets, *submission.scenarios):
        reasons[item.id if isinstance(item, SubmittedTarget) else item.asked] = "x\ny = 1\r[z]"
    with speaking(language):
        text = form_text(submission, reasons)
    assert form_of(text, "submission.toml", Submission) == submission


@given(st.text())
def test_a_string_is_one_line(text: str) -> None:
    """It is read back exactly, and holds no character that is not printable."""
    written = toml_string(text)
    assert written.isprintable()
    assert tomllib.loads(f"x = {written}") == {"x": text}
    assert tomllib.loads(f"{toml_key(text)} = 1") == {text: 1}


@given(st.integers() | st.floats(allow_nan=False) | st.booleans())
def test_a_number_is_exact(value: float) -> None:
    """An integer, a float, infinity and a boolean."""
    assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ('a\n"b"\\\x00\t\x7f', r'"a\n\"b\"\\\u0000\t\u007F"'),
        ("한글 \u202e\U000e0001", '"한글 \\u202E\\U000E0001"'),
        (33.3, "33.3"),
        (100.0, "100"),
        (True, "true"),
        (("a", 2), '["a", 2]'),
        ({"a b": {"c": 1}}, '{ "a b" = { c = 1 } }'),
        (Texts(ko="가"), '{ ko = "가" }'),
        ({}, "{}"),
    ],
)
def test_values_as_a_person_writes_them(value: object, written: str) -> None:
    """Bare keys where TOML allows them; what acts on a terminal is an escape."""
    assert toml_value(value) == written


def test_there_is_no_null() -> None:
    """It is left out by who writes a struct, never written."""
    with pytest.raises(TypeError, match="NoneType"):
        toml_value({"a": None})


@pytest.mark.parametrize("language", languages())
def test_every_field_is_explained(language: str) -> None:
    """Each line of an empty form has its comment in the language spoken, and no comment is wider than a page."""
    empty = Submission(
        format=1,
        track="t",
        rules=1,
        models=(SubmittedModel(id="m", source="m"),),
        targets=(SubmittedTarget(id="ort:cpu"),),
        scenarios=(SubmittedScenario(name="single-stream"),),
        criteria=(Criterion(id="c", title="c", metric="m", direction="at_most", target=1, unit="ms", weight=1),),
    )
    with speaking(language):
        lines = form_text(empty).splitlines()
    assert max(map(cells, lines)) <= WIDTH
    for before, line in zip(["", *lines], lines, strict=False):
        if "=" in line.partition("  # ")[0] and not line.startswith("# Every") and "{ ko" not in line:
            assert "  # " in line or before.startswith("#"), line
    assert "form." not in "\n".join(lines)


def test_a_criterion_of_a_later_version_says_so() -> None:
    """In a comment above it."""
    later = Criterion(
        id="c",
        title="c",
        metric="summary.latency_ns.p50",
        scenario="standby:minutes=10",
        direction="at_most",
        target=1,
        unit="ms",
        weight=1,
    )
    text = form_text(Submission(format=1, track="t", rules=1, criteria=(later,)))
    assert "# Not measurable with this version:" in text
