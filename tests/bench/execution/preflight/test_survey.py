"""A survey with exact fakes: chips that differ, crash, refuse, and share a program."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import InputError, OdbError, UnknownName
from bench.execution.preflight.every import default_targets, surveys
from bench.execution.preflight.survey import Asked, Watcher
from bench.plugins import Catalog, discover
from bench.preflight.found import Preflight, Row
from bench.suite.plan import PlannedRun
from bench.suite.suite import ModelAsk, Suite, TargetAsk

VARIED = Path(__file__).resolve().parents[3] / "plugins" / "varied.py"
Survey = Callable[..., Preflight]


@pytest.fixture
def varied() -> Catalog:
    return discover([VARIED])


def refuse(run: PlannedRun, error: OdbError) -> None:
    raise error


@pytest.fixture
def survey(in_process: None, varied: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Survey:
    """One model on the device that plays chips; the chip that would crash the process raises instead."""
    monkeypatch.setenv("VARIED_GENTLE", "1")

    def carry_out(
        device: str = "emu", watcher: Watcher | None = None, options: dict[str, str] | None = None, **asked: object
    ) -> Preflight:
        suite = Suite(models=(ModelAsk("one"),), targets=(TargetAsk(f"varied:{device}"),), options=options or {})
        found = surveys(
            suite,
            varied,
            cache=tmp_path / "cache",
            asked=Asked(**{"jobs": 1, **asked}),  # type: ignore[arg-type]
            watcher=watcher or Watcher(),
            broken=refuse,
        )
        return next(iter(found))

    return carry_out


def by_name(found: Preflight) -> dict[str, Row]:
    return {row.variant.name: row for row in found.rows}


def test_every_chip_is_a_row_in_the_order_of_the_target(survey: Survey) -> None:
    """With its status; the ones that the order does not place come last."""
    found = survey()
    assert [
        ("cheap", "ran"),
        ("twin", "ran"),
        ("half", "ran"),
        ("old", "refused"),
        ("dear", "ran"),
        ("breaks", "failed"),
        ("unplaced", "ran"),
    ] == [(row.variant.name, row.status) for row in found.rows]
    assert ("varied:emu", True, "Order: as the test has it.") == (found.target, found.emulated, found.order)


def test_chips_of_one_program_share_a_run(survey: Survey) -> None:
    """The other names the one that it was run for; a chip whose program is not known is run itself."""
    found = survey()
    assert {"cheap": "", "twin": "cheap", "half": "", "dear": "", "unplaced": ""} == {
        name: row.same_run_as for name, row in by_name(found).items() if row.status == "ran"
    }
    assert 4 == found.runs


def test_what_is_left_over_is_named(survey: Survey) -> None:
    """Nodes as a fraction, and the operators that are not on the accelerator."""
    rows = by_name(survey())
    assert (0.5, {"Op1": 1}, None) == (rows["half"].nodes, rows["half"].left, rows["half"].macs)
    assert (1.0, {}, 1.0, "float16") == (
        rows["cheap"].nodes,
        rows["cheap"].left,
        rows["cheap"].macs,
        rows["cheap"].precision,
    )


def test_a_refusal_compiles_nothing(survey: Survey) -> None:
    """An error of the compiler is a failure."""
    rows = by_name(survey())
    old, breaks = rows["old"], rows["breaks"]
    assert ("unsupported_precision", "The Old cannot do it", None) == (old.kind, old.reason, old.compile_ns)
    assert ("failed", "runtime_error", "the compiler gave up") == (breaks.status, breaks.kind, breaks.reason)


def test_the_bound_rests_on_published_peaks(survey: Survey) -> None:
    """Two operations at 1,000 a second are 2 ms; where nothing is published nothing is said."""
    rows = by_name(survey(frames_per_s=600.0))
    cheap, twin = rows["cheap"].bound, rows["twin"].bound
    assert cheap is not None
    assert twin is not None
    assert (2_000_000, "excluded", None, "unknown") == (cheap.least_ns, cheap.speed, twin.least_ns, twin.speed)


def test_needs_are_answered(survey: Survey) -> None:
    """By the rows that fit, the first of the order first, and a status."""
    found = survey(need={"nodes": 0.9})
    assert (0, ("cheap", "twin", "dear", "unplaced")) == (found.status, found.fit)
    assert 1 == survey(need={"nodes": 0.9}, only=("half", "old")).status


def test_some_chips_are_chosen_by_name_or_part(survey: Survey, varied: Catalog) -> None:
    """Case does not matter, and a slip gets a suggestion."""
    parts = {row.variant.name: row.variant.part for row in survey(plan_only=True).rows}
    found = survey(only=("CHEAP", parts["dear"].lower()))
    assert ["cheap", "dear"] == [row.variant.name for row in found.rows]
    with pytest.raises(UnknownName, match="Did you mean cheap"):
        survey(only=("cheep",))


def test_a_chip_is_not_chosen_by_an_option(survey: Survey) -> None:
    """It would contradict all but one row."""
    with pytest.raises(InputError, match="--soc"):
        survey(options={"chip": "cheap"})
    assert "ran" == by_name(survey(options={"colour": "red"}))["cheap"].status


def test_a_plan_compiles_nothing(survey: Survey) -> None:
    """What is known to be refused is known without it."""
    found = survey(plan_only=True)
    assert {"planned", "refused"} == {row.status for row in found.rows}
    assert [None] * len(found.rows) == [row.compile_ns for row in found.rows]


def test_a_device_that_is_not_here_is_foretold(survey: Survey) -> None:
    """What is known without it, and what to do with it."""
    found = survey("away")
    (row,) = found.rows
    assert ("foretold", "it is not here", ("Its shapes are static.",), None) == (
        row.status,
        row.reason,
        row.findings,
        row.nodes,
    )
    assert "odb run -t varied:away" in str(row.remedy)


def test_an_interrupt_keeps_what_was_found(survey: Survey) -> None:
    """What had run stays; what had not is marked, and the rest goes on nowhere."""

    class Impatient(Watcher):
        def found(self, row: Row) -> None:
            if row.status == "ran":
                raise KeyboardInterrupt

    found = survey(watcher=Impatient())
    statuses = [row.status for row in found.rows]
    assert found.interrupted
    assert {"ran", "interrupted", "refused"} <= set(statuses)
    assert 1 <= statuses.count("ran") <= 2


def test_the_devices_that_are_covered_without_a_target(varied: Catalog) -> None:
    """Those that stand for several chips, of every target; a target that cannot be loaded is passed over."""
    assert "varied:emu" in [target.id for target in default_targets(varied)]
    assert "openvino:CPU" not in [target.id for target in default_targets(varied)]


@pytest.mark.process
def test_a_chip_that_crashes_the_compiler_is_a_row(varied: Catalog, tmp_path: Path) -> None:
    """In processes, two at a time: the others go on."""
    suite = Suite(models=(ModelAsk("one"),), targets=(TargetAsk("varied:emu"),))
    asked = Asked(only=("cheap", "breaks"), jobs=2)
    (found,) = surveys(suite, varied, cache=tmp_path, asked=asked, watcher=Watcher(), broken=refuse)
    rows = by_name(found)
    assert ("ran", "failed", "crashed") == (rows["cheap"].status, rows["breaks"].status, rows["breaks"].kind)
    assert "SIGSEGV" in str(rows["breaks"].reason)
