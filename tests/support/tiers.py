"""The tiers of the tests, and the rule that keeps the first of them quick: a test without ``process`` starts none.

``pytest`` alone runs ``FIRST``; with files, folders or ``-m`` it runs what was named. Neither runs ``perf``, which asks
for a quiet machine, nor ``fuzz_long``, which takes hours, unless ``-m`` names it. CONTRIBUTING.md has the markers.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FIRST = "smoke or not process and not long"
REST = "not smoke and (process or long)"
ONLY_BY_NAME = ("perf", "fuzz_long")

TESTS = Path(__file__).resolve().parents[1]
LONGEST = """
    real_use/test_job test_main_job test_quality_job test_text_matrix test_text_golden test_genai_folders
    test_submission_job bench/process/test_failures cli/test_odb cli/against/test_against bench/analysis/test_repeats
    cli/submission/test_reproduce test_privacy test_bad_input test_made_up_inputs bench/quality/test_texts
    browser/test_pages models/test_built_decoders bench/passes/test_suspicious bench/quality/test_judged_runs
    bench/quality/test_smollm2 test_smollm2 cli/submission/test_published_models cli/gate/test_sessions
    docs/test_workflows targets/qnn/test_decoder_form cli/quantise/test_quantise cli/preflight/test_preflight
    test_package
"""
"""The files that take longest, those first: a worker of pytest-xdist that began with one of them at the end would go on
alone (``--dist loadfile --no-loadscope-reorder``)."""

SPAWNING_FIXTURE = "run"  # of tests/conftest.py; it measures in real workers
SPAWNS = frozenset(
    {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "os.startfile"}
)


class Watch:
    """Refuses the start of a process while a test without the mark is set up, called and torn down."""

    def __init__(self) -> None:
        self.watched = False
        self.started: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook: Python calls it before each event, and what it raises prevents the event."""
        if event not in SPAWNS or not self.watched:
            return
        self.started.append(f"{event} {str(arguments[:2])[:200]}" if arguments else event)
        raise RuntimeError(f"a test without the marker `process` may start none: {self.started[-1]}")


WATCH = Watch()
sys.addaudithook(WATCH)


def chosen(expression: str, named: bool) -> str:
    """The marker expression to run by: what ``-m`` gave, or the first tier unless files were ``named``."""
    chosen = expression or ("" if named else FIRST)
    parts = [f"({chosen})"] if chosen else []
    return " and ".join(parts + [f"not {marker}" for marker in ONLY_BY_NAME if marker not in chosen])


def pytest_configure(config: pytest.Config) -> None:
    named = config.args_source is pytest.Config.ArgsSource.ARGS
    config.option.markexpr = chosen(config.option.markexpr, named)


@pytest.hookimpl(tryfirst=True)  # before those that -m does not name are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever uses the fixture that measures starts processes. The longest files come first."""
    order = {TESTS / f"{name}.py": place for place, name in enumerate(LONGEST.split())}
    items.sort(key=lambda item: order.get(item.path, len(order)))
    for item in items:
        fixtures = item._fixtureinfo.name2fixturedefs.get(SPAWNING_FIXTURE, ())  # type: ignore[attr-defined]
        if fixtures and Path(fixtures[-1].func.__code__.co_filename).parent.name == "tests":
            item.add_marker(pytest.mark.process)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    WATCH.watched = not any(item.get_closest_marker(marker) for marker in ("process", *ONLY_BY_NAME))
    try:
        return (yield)
    finally:
        WATCH.watched = False


def _phase() -> Iterator[None]:
    """A refusal that the code under test caught, or that another thread met, fails the test too."""
    WATCH.started = []
    yield
    if WATCH.started:
        pytest.fail(f"starts a process and is not marked `process`: {WATCH.started[0]}", pytrace=False)


pytest_runtest_setup = pytest_runtest_call = pytest_runtest_teardown = pytest.hookimpl(wrapper=True)(_phase)
