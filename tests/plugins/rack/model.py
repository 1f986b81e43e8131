"""The model of a rack of pretended boards. Loaded with --plugin by the tests."""

from bench.testing import FakeModel

PLUGINS = {"models": {"fake": FakeModel}}
