"""A TOML file with a value of the wrong type is answered in TOML's words, with what to write instead."""

from pathlib import Path
from typing import Literal

import pytest
from msgspec import Struct

from bench.errors import InputError
from bench.submission.files import form_of
from bench.submission.form import Submission
from bench.suite.suite import load_suite
from bench.toml.values import converted


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ('targets = ["null:cpu"]', " [[targets]] number 1: a table is expected, not a string", 'id = "null:cpu"'),
        ('[targets]\nid = "null:cpu"', ": targets: an array is expected, not a table", "[[targets]] on a line"),
        ('models = "fake"', ": models: an array is expected, not a string", 'source = "fake"'),
        ('[[models]]\nprecision = "int8"', " [[models]] number 1: the key source is missing", 'source = "…"'),
        ("models = [{source = 'x', shapes = {a = '1'}}]", " [[models]] number 1: shapes: an array", "{ name = [1] }"),
        (
            "models = [{source = 'x', format = 'y'}]",
            ": format: y is none of these: onnx, openvino_ir",
            'format = "onnx"',
        ),
        ("models = [{source = 'x', chat = 'y'}]", ": chat: true or false is expected, not a", "chat = true"),
        (
            'scenarios = 5\n[pipeline]\nkind = "auto"',
            ": scenarios: an array is expected, not an integer",
            "[[scenarios]]",
        ),
        ("[[scenarios]]\nmodels = 'fake'", " [[scenarios]] number 1: models: an array is expected", 'models = ["…"]'),
        ("[[scenarios]]\nmodels = [5]", " [[scenarios]] number 1: models: a string is expected", 'models = ["…"]'),
        ('pipeline = "auto"', ": pipeline: a table is expected, not a string", "[pipeline] on a line"),
        ("[pipeline]\nhop_ms = '5'", " [pipeline]: hop_ms: a number is expected, not a string", "hop_ms = 1.5"),
        ("[pipeline]\nhop = 5", "unknown key in suite.toml [pipeline]: hop", "Did you mean hop_ms?"),
        ("[options]\na = 5", ": options: a string is expected, not an integer", 'options = { name = "…" }'),
        ("repeats = 1.5", ": repeats: an integer is expected, not a number with a decimal point", "repeats = 1"),
        ("name = 2026-11-27", ": name: a string is expected, not a date or time", 'name = "…"'),
    ],
)
def test_a_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, problem: str, remedy: str) -> None:
    """The table, the key, both types, and an example that has the right one."""
    monkeypatch.chdir(tmp_path)
    Path("suite.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        load_suite(Path("suite.toml"))
    assert problem in refused.value.message
    assert remedy in refused.value.remedy
    assert "$" not in str(refused.value)


HEAD = 'format = 1\ntrack = "x"\nrules = 1\n'


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ('"x - at `$.y`" = 1', "unknown key in s.toml: x - at `$.y`", "Known: "),
        (f'{HEAD}"x - at `$.device" = 1', "unknown key in s.toml: x - at `$.device", "device?"),
        ('track = "x"\nrules = 1', "s.toml: the key format is missing", "format = 1"),
        (f'{HEAD}models = ["a.onnx"]', "s.toml [[models]] number 1: a table is expected", 'id = "a.onnx", source = '),
        (f'{HEAD}device = "phone"', "s.toml: device: a table is expected, not a string", "Write [device] on a line"),
        (f"{HEAD}[device]\nroom_celsius = '20'", "s.toml [device]: room_celsius: a number is", "room_celsius = 1.5"),
        (f"{HEAD}[project]\nname = 5", "[project]: name: a string or a table is expected, not an", 'name = "…"'),
        (f"{HEAD}[project]\nname = {{fr = 'x'}}", "unknown key in s.toml [project] name: fr", "Known: en, ko."),
        (f"{HEAD}[project]\nname = '{'x' * 3000}'", "s.toml [project]: name: Expected `str` of length <= 2000", ""),
    ],
)
def test_a_submission(text: str, problem: str, remedy: str) -> None:
    """Its tables, and text in one language or in both."""
    with pytest.raises(InputError) as refused:
        form_of(text, "s.toml", Submission)
    assert problem in refused.value.message
    assert remedy in refused.value.remedy


class Chosen(Struct):
    """What submissions and tracks have: a choice made of two, and one for the names of keys."""

    applies: Literal["any"] | Literal["tensor", "text"] | None = None
    weights: dict[Literal["low", "high"], int] = {}


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ({"applies": "vision"}, "c.toml: applies: vision is none of these: any, tensor, text"),
        ({"weights": {"mid": 1}}, "c.toml: weights: the name of a key is wrong: mid is none of these: high, low"),
        ({"weights": {"low": "x - at `$.y`"}}, "c.toml: weights: an integer is expected, not a string"),
    ],
)
def test_all_choices_are_told(raw: object, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        converted(raw, Chosen, "c.toml")
    assert problem == refused.value.message
