"""No reader of what somebody else wrote raises anything but an error with a sentence: a short run of every fuzzer."""

import os

import pytest
from fuzzers import FUZZERS, findings

SHORT = 180
LONG = int(os.environ.get("ODB_FUZZ_INPUTS", "8000"))


@pytest.mark.parametrize("name", list(FUZZERS))
def test_every_input_is_read_or_refused(name: str) -> None:
    """Of so many seeded inputs none is a finding, and some are read: the damage is not always fatal."""
    read, found = findings(name, SHORT)
    assert {} == dict(found)
    assert read > 0 or name in ("record bytes", "names")


@pytest.mark.fuzz_long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", list(FUZZERS))
def test_every_input_of_many(name: str) -> None:
    """The same with ``ODB_FUZZ_INPUTS`` inputs each, of another seed."""
    _, found = findings(name, LONG, seed=1)
    assert {} == dict(found)
