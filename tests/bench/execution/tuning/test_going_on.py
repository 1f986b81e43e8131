"""A search that was killed goes on where it was: nothing is measured, checked or confirmed twice."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.contracts import Tunable
from bench.errors import InputError, RunFailure
from bench.execution.tuning import journal as journal_module
from bench.execution.tuning import tuner as tuner_module
from bench.execution.tuning.heats import Heat
from bench.execution.tuning.journal import JOURNAL, journal_in
from bench.record.inputs import InputFacts, TemplateUsed
from bench.record.record import Failure
from bench.testing import fake_artifact
from bench.testing.records import INPUTS
from bench.tuning.result import Confirmation, Tuning
from bench.words import sentence
from tests.support.tuning.fake_search import OPTIONS, SECOND, Machine, options_of, tuner_on

MANY = (*OPTIONS, Tunable(name="hum", values=("1", "2")))


class Killed(BaseException):
    """As by SIGKILL: nothing runs after it."""


def in_lives(machine: Machine, folder: Path, monkeypatch: pytest.MonkeyPatch, each: int) -> tuple[Tuning, int]:
    """The result of a search that is killed before every measurement, check or confirmation beyond the first ``each``
    of a life, and how many lives it took."""
    done = 0

    def mortal(name: str) -> Any:
        real = getattr(machine, name)

        def work(*given: Any, **named: Any) -> Any:
            nonlocal done
            if done == each:
                raise Killed
            done += 1
            return real(*given, **named)

        return work

    for name in ("measure", "answered", "confirm"):
        monkeypatch.setattr(tuner_module, name, mortal(name))
    for life in range(1, 100):
        done = 0
        try:
            return tuner_on(machine, folder, MANY, budget_s=300, going_on=True).run(), life
        except Killed:
            continue
    raise AssertionError("it never ends")


@pytest.mark.parametrize("each", [1, 3])
def test_nothing_is_measured_twice_and_the_same_is_found(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, each: int
) -> None:
    """Killed after every measurement, or every third: the same heats in the same order, the same checks, one
    confirmation, and the same result as of a search that was left alone, which costs as much of the budget."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    alone = tuner_on(machine, whole, MANY, budget_s=300).run()
    heats, checked = [*machine.heats], [*machine.checked]
    machine.heats.clear()
    machine.checked.clear()
    found, lives = in_lives(machine, parts, monkeypatch, each)
    assert (heats, checked) == (machine.heats, machine.checked)
    assert lives > len(heats) / each
    assert replace(alone, created_utc="") == replace(found, created_utc="")
    assert (whole / JOURNAL).read_bytes() == (parts / JOURNAL).read_bytes()


def test_what_is_done_again_is_said(machine: Machine, tmp_path: Path) -> None:
    """How many processes are not started again."""
    tuner_on(machine, tmp_path).run()
    machine.told.clear()
    tuner_on(machine, tmp_path, going_on=True).run()
    assert ("tune.goes_on", sum(map(len, machine.heats))) == (
        machine.told[0].code,
        machine.told[0].figures["processes"],
    )


def test_the_half_line_of_a_killed_process_does_not_count(machine: Machine, tmp_path: Path) -> None:
    """It is written again in its place, whole."""
    found = tuner_on(machine, tmp_path).run()
    file = tmp_path / JOURNAL
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    last = max(index for index, line in enumerate(lines) if b'"heat"' in line)
    file.write_bytes(b"".join(lines[:last]) + lines[last][:20])
    before = len(machine.heats)
    machine.told.clear()
    again = tuner_on(machine, tmp_path, going_on=True).run()
    assert 1 == len(machine.heats) - before
    assert ("tune.journal_cut", last + 1) == (machine.told[1].code, machine.told[1].figures["line"])
    assert options_of(found, "measured") == options_of(again, "measured")
    assert whole == file.read_bytes()


@pytest.mark.parametrize("place", ["last", "middle"])
def test_a_line_that_the_disk_changed_is_cut_at_the_end_and_refused_elsewhere(
    machine: Machine, tmp_path: Path, place: str
) -> None:
    """A figure that is another, in a line that is still JSON: its checksum tells. Nothing is taken for what it is
    not, and what is lost is said."""
    tuner_on(machine, tmp_path).run()
    file = tmp_path / JOURNAL
    lines = file.read_bytes().splitlines(keepends=True)
    last = max(index for index, line in enumerate(lines) if b'"heat"' in line)
    lines[last] = lines[last].replace(b"1", b"7", 1)
    if place == "last":
        file.write_bytes(b"".join(lines[: last + 1]))
        before = len(machine.heats)
        tuner_on(machine, tmp_path, going_on=True).run()
        assert 1 == len(machine.heats) - before
        return
    file.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=rf"line {last + 1}, is damaged: its checksum") as refused:
        tuner_on(machine, tmp_path, going_on=True).run()
    assert JOURNAL in refused.value.message


@pytest.mark.parametrize("change", ["seed", "goal", "options"])
def test_another_search_is_refused_by_name(machine: Machine, tmp_path: Path, change: str) -> None:
    """With other settings, another goal or another seed the measurements would not be those that it asks for."""
    tuner_on(machine, tmp_path).run()
    other: dict[str, Any] = {"seed": {"seed": 3}, "goal": {"goal": "memory"}, "options": {"options": OPTIONS[:1]}}
    names = {"seed": ["suite_sha256"], "goal": ["goal"], "options": ["tunables"]}[change]
    with pytest.raises(InputError) as refused:
        tuner_on(machine, tmp_path, going_on=True, **other[change]).run()
    assert all(name in refused.value.message for name in names)
    assert JOURNAL in refused.value.message


def test_a_budget_may_be_longer(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was drawn stays."""
    machine.interrupt_at = 4
    with pytest.raises(KeyboardInterrupt):
        tuner_on(machine, tmp_path, budget_s=100).run()
    machine.interrupt_at = None
    found = tuner_on(machine, tmp_path, budget_s=1000, going_on=True).run()
    assert 1000 * SECOND == found.budget_ns
    assert "found" == found.end


@pytest.mark.parametrize("text", [b"what?\n", b'{"what":"heat"}\n', b'{"what":"number","about":"x","value":1}\n'])
def test_a_file_that_is_no_journal_is_refused(machine: Machine, tmp_path: Path, text: bytes) -> None:
    """By name, with the remedy."""
    (tmp_path / JOURNAL).write_bytes(text)
    with pytest.raises(InputError, match=JOURNAL):
        tuner_on(machine, tmp_path, going_on=True).run()


def test_the_time_of_each_part_is_in_the_journal(machine: Machine, tmp_path: Path) -> None:
    """So that anybody can see what a search spent where."""
    found = tuner_on(machine, tmp_path).run()
    lines = [json.loads(line) for line in (tmp_path / JOURNAL).read_text(encoding="utf-8").splitlines()]
    heats = [line for line in lines if line["what"] == "heat"]
    assert len(machine.heats) == len(heats)
    assert len(heats[1]["outcomes"]) * machine.process_ns == heats[1]["wall_ns"]
    assert found.used_ns == lines[-1]["used_ns"]
    assert isinstance(found.confirmation, Confirmation)
    assert "confirmation" == lines[-1]["what"]
    assert 0 < journal_in(tmp_path).processes


def test_a_default_that_failed_is_measured_again(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal of a search that could not begin is removed: the same command does not fail without measuring."""
    late = Failure("steady", "timeout", sentence("run.timed_out", deadline_s=1, phase="steady"), "")
    monkeypatch.setattr(tuner_module, "measure", lambda *given, **named: Heat((late, late), SECOND))
    with pytest.raises(RunFailure):
        tuner_on(machine, tmp_path).run()
    assert not (tmp_path / JOURNAL).exists()
    monkeypatch.setattr(tuner_module, "measure", machine.measure)
    assert "found" == tuner_on(machine, tmp_path, going_on=True).run().end


@pytest.mark.parametrize("outcomes", [[], [{}, {}], [{"process": None}]])
def test_a_heat_without_its_outcomes_is_refused(
    machine: Machine, tmp_path: Path, outcomes: list[dict[str, Any]]
) -> None:
    """As of a file that somebody edited: one outcome a setting, and each a measurement or a failure."""
    tuner_on(machine, tmp_path).run()
    file = tmp_path / JOURNAL
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    next(line for line in lines if line["what"] == "heat")["outcomes"] = outcomes
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    with pytest.raises(InputError, match=JOURNAL):
        tuner_on(machine, tmp_path, going_on=True).run()


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        (replace(INPUTS, sha256="f" * 64), "inputs_sha256"),
        (replace(INPUTS, template=TemplateUsed("chat_template.jinja", "a" * 64)), "template_sha256"),
    ],
)
def test_files_of_the_same_name_with_other_contents_are_another_search(
    machine: Machine, tmp_path: Path, inputs: InputFacts, name: str
) -> None:
    """Prompts, input files and a chat template are known by what is in them, not by their paths alone."""
    tuner_on(machine, tmp_path, inputs=INPUTS).run()
    with pytest.raises(InputError, match=name):
        tuner_on(machine, tmp_path, inputs=inputs, going_on=True).run()


def test_another_reference_of_the_same_name_is_another_search(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outputs that were right by the one may be wrong by the other."""
    tuner_on(machine, tmp_path).run()
    other = fake_artifact(tmp_path / "fake.onnx")
    monkeypatch.setattr(journal_module, "named_twin", lambda *asked: other)
    with pytest.raises(InputError, match="reference_sha256"):
        tuner_on(machine, tmp_path, going_on=True).run()
