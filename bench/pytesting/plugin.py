"""What pytest imports in every project whose environment has this package: names of a fixture, a marker and an option.

It imports nothing but pytest; what measures and compares is imported by the first test that uses ``odb``.
"""

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bench.pytesting.fixture import Odb

MARKER = "odb(tolerance, accept, fail_on, **asked): what the assertions and runs of the fixture odb of a test take"
MACHINE = pytest.StashKey[dict[str, Any]]()
"""What is known of the machine, from the records of this session."""
EARLIER = pytest.StashKey[list[Mapping[str, Any]]]()
"""The same of the sessions that pytest-benchmark compares with."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("odb", "ondevice-bench")
    group.addoption(
        "--odb-records", metavar="DIR", help="the folder of the records of the fixture odb; default: a temporary folder"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def odb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Odb]":
    """Measures models with ondevice-bench, and asserts what their records show."""
    from bench.pytesting.fixture import used

    chosen = request.config.getoption("odb_records")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("odb-records")
    stash = request.config.stash
    earlier = stash.setdefault(EARLIER, [])
    yield from used(request.node, folder, stash.setdefault(MACHINE, {}), earlier)


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """pytest-benchmark states the machine of the records as well, if any was made."""
    if found := config.stash.get(MACHINE, None):
        machine_info["odb"] = found


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_benchmark_compare_machine_info(
    config: pytest.Config, compared_benchmark: dict[str, Any]
) -> Generator[None, object, object]:
    """pytest-benchmark compares machines before the first test, when there is no record yet: that part is kept for
    ``odb.benchmark``, which warns where it differs."""
    earlier = compared_benchmark["machine_info"].pop("odb", None)
    if earlier is None:
        return (yield)
    config.stash.setdefault(EARLIER, []).append(earlier)
    try:
        return (yield)
    finally:
        compared_benchmark["machine_info"]["odb"] = earlier
