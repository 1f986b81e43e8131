"""What the records of a session say of the machine, for pytest-benchmark."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.record.record import Record
from bench.words import say


class Machine:
    """``found``: part (``host``, ``runtime``, ``driver``, ``accelerator``) -> name -> value, of all records so far.
    ``earlier``: the same of benchmarks that this session is compared with."""

    def __init__(self, found: dict[str, Any], earlier: Sequence[Mapping[str, Any]]) -> None:
        self._found, self._earlier = found, earlier

    def note(self, record: Record) -> None:
        """Add what does not change from run to run."""
        seen = record.environment
        parts: dict[str, Mapping[str, Any]] = {
            "host": seen.host,
            "runtime": seen.runtime,
            "driver": seen.driver,
            "accelerator": seen.accelerator,
        }
        for part, values in parts.items():
            if values:
                self._found[part] = {**self._found.get(part, {}), **{key: _plain(v) for key, v in values.items()}}

    def changes(self) -> Iterator[str]:
        """A sentence for each value that was another in the earlier benchmarks."""
        for earlier in self._earlier:
            for part, values in self._found.items():
                before = earlier.get(part, {})
                for name, value in values.items():
                    if name in before and before[name] != value:
                        yield say("pytest.other_machine", name=name, base=str(before[name]), new=str(value))


def _plain(value: Any) -> str | int | float | bool | None:
    """As JSON has it; a sentence as text."""
    return value if value is None or isinstance(value, str | int | float) else str(value)
