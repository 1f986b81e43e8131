"""What ``odb tune --dry-run`` says of the budget."""

from bench.cli.tuning.dry_run import budget_told
from bench.execution.tuning.budget import Reserve, least_budget_ns, settings_for
from bench.execution.tuning.foreseen import PREPARE_NS, PROCESS_NS, Foreseen

USED_NS = PREPARE_NS + 2 * PROCESS_NS
RESERVE = Reserve(PREPARE_NS, PROCESS_NS, 4, beside=True)


def of(budget_ns: int, drawn: int) -> Foreseen:
    return Foreseen(
        goal="latency",
        scenario="single-stream",
        metric="latency_p50_ns",
        tunables=(),
        space=100,
        drawn=drawn,
        budget_ns=budget_ns,
        process_ns=PROCESS_NS,
        least_budget_ns=least_budget_ns(RESERVE, USED_NS),
    )


def test_a_budget_for_no_setting_is_said_with_one_that_suffices() -> None:
    """Instead of a search of 0 settings."""
    assert "begin with about 12 of them" in budget_told(of(600_000_000_000, 12))
    assert "20.0 s would be too short" in budget_told(of(20_000_000_000, 0))
    assert "--budget 3m" in budget_told(of(20_000_000_000, 0))


def test_the_least_budget_suffices_for_one_setting_and_no_nanosecond_less_does() -> None:
    """The same bound as that of the search itself."""
    least_ns = least_budget_ns(RESERVE, USED_NS)
    for budget_ns, settings in ((least_ns, 1), (least_ns - 1, 0)):
        assert settings == settings_for(budget_ns - USED_NS - RESERVE.total_ns, PROCESS_NS, 4, 100)
