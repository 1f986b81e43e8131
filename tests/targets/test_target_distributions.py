"""What can be imported, told without importing it."""

import sys

import pytest

from bench.targets.distributions import importable


def test_a_standard_module_is_importable() -> None:
    """A module that is not yet imported is found by its spec."""
    assert importable("wave")


def test_an_unknown_module_is_not_importable() -> None:
    """A name nobody installed is not found, nor is a part of it."""
    assert (False, False) == (importable("no_such_module_here"), importable("no_such_module_here.part"))


def test_a_blocked_module_is_not_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """None in sys.modules makes an import fail, and is reported so."""
    monkeypatch.setitem(sys.modules, "wave", None)
    assert not importable("wave")
