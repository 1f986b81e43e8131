"""What the fixture ``odb`` asserts, and what a failing assertion says. Each test runs pytest on a small project."""

from collections.abc import Callable

import pytest

Project = Callable[..., pytest.RunResult]


def body(*statements: str, mark: str = "") -> str:
    """A test of the project, with these statements."""
    lines = ["import pytest", mark, "def test_it(odb, made, measured):", *(f"    {one}" for one in statements)]
    return "\n".join(lines) + "\n"


def told(result: pytest.RunResult) -> list[str]:
    """The text of the failing assertion, without pytest's marks."""
    result.assert_outcomes(failed=1)
    return [line.removeprefix("E").strip() for line in result.outlines if line.startswith("E ")]


def test_within_its_limits(project: Project) -> None:
    """Times, sizes and rates, by short names, by paths, with and without a direction."""
    result = project(
        body(
            'run = made("net")',
            'odb.assert_within(run, p50="33 ms", p90="0.1 s", peak_rss="200 MB", throughput="30 queries/s")',
            'odb.assert_within(run, p50="33000 µs", p90="33000 μs")',
            'odb.assert_within(run, {"summary.latency_ns.p50": "<= 31000 us"}, peak_rss=">= 100 MB", p95="1s")',
            "odb.assert_valid(run)",
            'odb.assert_valid(run, fail_on=["outputs", "failed"])',
        )
    )
    result.assert_outcomes(passed=1)


def test_what_is_not_within_is_stated_with_its_interval(project: Project) -> None:
    """Each missed limit with figure and interval, and what has no figure with the reason; the report is shown too."""
    limits = 'p50="33 ms", throughput="30 queries/s", peak_rss="200 MB", macs_on_accelerator=0.99'
    result = project(body(f'odb.assert_within(made("slow"), {limits})'))
    assert [
        "AssertionError: fake on null:cpu: the run is not within its limits.",
        "p50 is 36.0 ms (95 % interval 36.00 – 36.01 ms), above the limit of 33 ms.",
        "throughput is 27.8 queries/s (95 % interval 27.8 – 27.8 queries/s), below the limit of 30 queries/s.",
        "macs_on_accelerator has no figure to compare with the limit of 99 %: The record does not say on which device "
        "the multiply-accumulates ran.",
        'Undecided limits fail unless accept="cannot-tell" is given.',
    ] == told(result)
    result.stdout.fnmatch_lines(["*odb call*", "*fake*36.0 ms*"])


def test_an_undecided_limit_fails_unless_it_is_accepted(project: Project) -> None:
    """One process has no interval between processes of its memory."""
    assertion = 'odb.assert_within(made("short"), peak_rss="200 MB"{})'
    found = told(project(body(assertion.format(""))))
    assert "peak_rss is 143 MiB. Whether it meets the limit of 200 MB cannot be told" in found[1]
    project(body(assertion.format(', accept="cannot-tell"'))).assert_outcomes(passed=1)
    marked = body(assertion.format(""), mark='@pytest.mark.odb(accept=["cannot-tell"])')
    project(marked).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("limit", "error"),
    [
        ('p500="33 ms"', "unknown limit: p500"),
        ('p50="33"', "p50=33: give a unit: ns, us, ms or s."),
        ('p50="33 MB"', "p50=33 MB: give a unit: ns, us, ms or s."),
        ('p50="fast"', 'p50=fast: expected a number and its unit, such as "33 ms".'),
        ("p50=True", 'p50=True: expected a number and its unit, such as "33 ms".'),
        ('p50="-5 ms"', "p50=-5 ms: the figure is never below 0, so this limit decides nothing"),
        (
            'throughput=">= -1 queries/s"',
            "throughput=>= -1 queries/s: the figure is never below 0, so this limit decides nothing",
        ),
        ("", 'assert_within was given no limit. Name at least one figure, such as p99="33 ms".'),
        ('**{"summary.nothing": 1}', "unknown figure of a record: summary.nothing"),
        ('**{"quality.metrics.own": 1}', 'quality.metrics.own=1: state the direction as "<= 1" or ">= 1".'),
    ],
)
def test_limits_that_cannot_be_meant_are_refused(limit: str, error: str, project: Project) -> None:
    """With what would be right; pytest shows the line of the test and none of this project's."""
    result = project(body(f'odb.assert_within(made("net"), {limit})'))
    assert f"bench.errors.InputError: {error}" == told(result)[0]
    result.stdout.no_fnmatch_line("*bench/pytesting*")


def test_not_slower(project: Project) -> None:
    """Against a run, a folder, and a list of runs."""
    result = project(
        body(
            'run = made("same")',
            'odb.assert_not_slower(run, made("net"))',
            'odb.assert_not_slower(run, "records/net")',
            'odb.assert_not_slower(run, [made("net")])',
            'odb.assert_not_slower(made("net"), made("slow"), accept="cannot-tell")',
        )
    )
    result.assert_outcomes(passed=1)


def test_slower_is_told_as_by_odb_compare(project: Project) -> None:
    """The answer and its reasons; tables are in the report below it."""
    result = project(body('odb.assert_not_slower(made("slow"), made("net"))'))
    found = told(result)
    assert "AssertionError: fake on null:cpu: slower than base, assuming the machine's speed did not change" == found[0]
    assert "Latency p50: 30.0 ms → 36.0 ms, +20.0 %, slower. 95 % interval +20.0 % to +20.0 %." in found
    result.stdout.fnmatch_lines(["*odb call*", "*✕ latency p50*30.0 ms*36.0 ms*", "*1 pair: 1 with something worse.*"])


def test_undecided_is_not_a_pass(project: Project) -> None:
    """One process on a side shows nothing; it passes where that is accepted."""
    undecided = 'odb.assert_not_slower(made("short"), made("net"){})'
    assert told(project(body(undecided.format(""))))[0].endswith("fake on null:cpu: not decided yet")
    project(body(undecided.format(', accept="cannot-tell"'))).assert_outcomes(passed=1)


@pytest.mark.parametrize("tolerance", ['"30 %"', "0.3"])
def test_the_marker_states_the_tolerance(tolerance: str, project: Project) -> None:
    """Of a test, as text or as a fraction; the argument of the assertion comes first."""
    mark = f"@pytest.mark.odb(tolerance={tolerance})"
    compared = 'odb.assert_not_slower(made("slow"), made("net"){})'
    project(body(compared.format(""), mark=mark)).assert_outcomes(passed=1)
    project(body(compared.format(', tolerance="3 %"'), mark=mark)).assert_outcomes(failed=1)


def test_the_nearest_marker_wins(project: Project) -> None:
    """A module's marker holds for what a test's own does not say."""
    result = project(
        """
        import pytest

        pytestmark = pytest.mark.odb(preset="strict", repeats=9, scenario="offline:lanes=2")

        @pytest.mark.odb(repeats=3)
        def test_it(odb, measured):
            odb.run("net", "null:cpu", seed=5)
            (model, target, asked), = measured
            assert (model, target) == ("net", "null:cpu")
            assert (asked["preset"], asked["repeats"], asked["seed"]) == ("strict", 3, 5)
            assert asked["scenarios"] == "offline:lanes=2"
        """
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("mark", "error"),
    [
        ("odb(tolerence=0.1)", "unknown argument of the marker odb: tolerence"),
        ("odb(tolerance=-0.05)", "tolerance=-0.05: must be above 0 and at most 1, or 100 %"),
        ("odb(0.1)", "The marker odb takes keyword arguments only."),
    ],
)
def test_a_wrong_marker_is_refused(mark: str, error: str, project: Project) -> None:
    """It is named with its test."""
    result = project(body("pass", mark=f"@pytest.mark.{mark}"))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"E*test_project.py::test_it: {error}"])


def test_records_are_kept_where_the_option_says(project: Project, pytester: pytest.Pytester) -> None:
    """``--odb-records`` is the folder of all runs of a session."""
    test = body('odb.run("net", "null:cpu")', "assert str(measured[0][2]['out']) == 'kept'")
    project(test, "--odb-records", "kept").assert_outcomes(passed=1)


def test_what_was_not_measured_is_not_valid(project: Project, pytester: pytest.Pytester) -> None:
    """A failed run says why, and which codes of a verdict fail is for ``fail_on`` to say."""
    failed = (
        "from msgspec.structs import replace",
        "from bench.record.record import Failure",
        "run = made('net')",
        "failure = Failure('compile', 'unsupported_operator', 'Foo is not supported.', 'Leave it out.')",
        "odb.assert_valid(replace(run, record=replace(run.record, status='failed', failure=failure)))",
    )
    assert [
        "AssertionError: fake on null:cpu: the run was not measured.",
        "compile: Foo is not supported. Leave it out.",
    ] == told(project(body(*failed)))
    accepted = (*failed[:-1], failed[-1].replace("assert_valid", "assert_within")[:-1] + ", size='5 MB', ttft='1 s'{})")
    for name, passed in [("cannot-tell", False), ("not-measured", True)]:
        result = project(body(*accepted[:-1], accepted[-1].format(f", accept='{name}'")))
        result.assert_outcomes(passed=passed, failed=not passed)
    limited = (*failed[:-1], failed[-1].replace("assert_valid", "assert_within")[:-1] + ", ttft='33 ms')")
    found = told(project(body(*limited)))
    assert "compile: Foo is not supported. Leave it out." == found[1]
    assert found[2].startswith("ttft has no figure to compare with the limit of 33 ms:")
    noted = 'odb.assert_valid(made("net"), fail_on="output_unchecked")'
    found = told(project(body(noted)))
    assert "AssertionError: fake on null:cpu: the run is not valid." == found[0]
    assert found[1].startswith("output_unchecked: The outputs were not compared with a reference.")


def test_failures_are_in_the_language_asked_for(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """``ODB_LANG`` chooses it, as for the command."""
    monkeypatch.setenv("ODB_LANG", "ko")
    found = told(project(body('odb.assert_within(made("slow"), p50="33 ms")')))
    assert "AssertionError: null:cpu의 fake: 실행이 한계를 만족하지 않습니다." == found[0]
    assert "p50: 36.0 ms(95% 신뢰구간 36.00 – 36.01 ms). 한계 33 ms를 넘습니다." == found[1]
    monkeypatch.setenv("ODB_LANG", "xx")
    project(body("pass")).assert_outcomes(errors=1)


def test_several_runs_are_no_run(project: Project, pytester: pytest.Pytester) -> None:
    """The fixture measures one model on one target."""
    (pytester.path / "records" / "slow" / "slow").rename(pytester.path / "records" / "net" / "slow")
    found = told(project(body('odb.run("net", ["null:cpu", "null:npu"])')))
    assert "InputError: odb.run takes one model, one target and one scenario; 2 runs were measured." in found[0]
