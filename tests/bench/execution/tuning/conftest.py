"""The machine that a search believes to measure."""

import pytest
from fake_search import Machine

from bench.execution.tuning import tuner as tuner_module
from bench.testing import FakeClock


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(FakeClock())
    for name in ("measure", "answered", "confirm"):
        monkeypatch.setattr(tuner_module, name, getattr(found, name))
    return found
