"""The machine that a search believes to measure."""

import pytest

from bench.execution.tuning import tuner as tuner_module
from bench.testing import FakeClock
from tests.support.tuning.fake_search import Machine


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(FakeClock())
    for name in ("measure", "answered", "confirm"):
        monkeypatch.setattr(tuner_module, name, getattr(found, name))
    return found
