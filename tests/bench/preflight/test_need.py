"""What is needed, whether a chip has it, and which fits first."""

from typing import Any

import pytest

from bench.contracts import Variant
from bench.errors import InputError, UnknownName
from bench.preflight.found import Bound, Row
from bench.preflight.need import answered, asked_needs, fitting, in_variant_order, status_of
from bench.record.record import Fidelity


def row(name: str = "chip", order: int | None = None, **fields: Any) -> Row:
    variant = Variant(name=name, title=name.title(), order=order)
    return Row(variant=variant, **{"status": "ran", "macs": 1.0, "nodes": 0.9, **fields})


def answers(*rows: Row, **needs: float) -> list[bool | None]:
    found = [answered(one, needs).answer for one in rows]
    return [one.fits if one is not None else None for one in found]


def test_needs_are_read() -> None:
    """Names and numbers, in any order, with spaces."""
    assert {"macs": 0.99, "cosine": 0.999, "frames_per_s": 30.0} == asked_needs(
        "macs=0.99, cosine=.999,frames_per_s=30"
    )
    assert {} == asked_needs(None)


@pytest.mark.parametrize(
    "text", ["macs", "=1", "macs=", "", "macs=1.1", "macs=nan", "macs=-1", "frames_per_s=0", "macs=x"]
)
def test_a_need_that_is_none_is_refused(text: str) -> None:
    """With the flag and what was written."""
    with pytest.raises(InputError, match="--need"):
        asked_needs(text)


def test_an_unknown_or_doubled_need_is_refused() -> None:
    """A slip gets a suggestion."""
    with pytest.raises(UnknownName, match="macs"):
        asked_needs("mac=1")
    with pytest.raises(InputError, match="twice"):
        asked_needs("macs=1,macs=1")


def test_a_figure_is_compared_with_its_minimum() -> None:
    """Equal is enough; what is missing cannot be told."""
    close = Fidelity("reference", 1, cosine_min=0.9995)
    rows = row(fidelity=close), row(fidelity=Fidelity("reference")), row(macs=0.98, fidelity=close), row(macs=0.98)
    assert [True, None, False, False] == answers(*rows, macs=0.99, cosine=0.9995)


def test_what_did_not_run_does_not_fit() -> None:
    """Refused and failed do not; what was not come to cannot be told."""
    rows = [row(status=status) for status in ("refused", "failed", "interrupted", "foretold")]
    assert [False, False, None, True] == answers(*rows, macs=0.5)


def test_a_rate_is_met_by_what_the_bound_does_not_exclude() -> None:
    """Without a published peak it cannot be told, and an excluded rate is named."""
    rows = [row(bound=Bound(speed=speed)) for speed in ("not_excluded", "excluded", "unknown")]
    assert [True, False, None] == answers(*rows, row(), frames_per_s=30)[:3]
    why = answered(rows[1], {"frames_per_s": 30}).answer
    assert why is not None
    assert ["cannot reach 30 frames/s"] == [str(one) for one in why.why]


def test_the_status_answers() -> None:
    """0 where one fits, 1 where none does, 3 where it cannot be told, 0 where nothing was asked."""
    fits, misses, unknown = row(), row(macs=0.1), row(macs=None)

    def status(*rows: Row) -> int:
        return status_of([answered(one, {"macs": 0.9}) for one in rows])

    assert [0, 1, 3, 0, 3] == [
        status(fits, misses, unknown),
        status(misses),
        status(misses, unknown),
        status_of([fits, misses]),
        status_of([]),
    ]


def test_the_first_that_fits_is_the_first_of_the_order() -> None:
    """Chips that the rule does not place come last, as the target lists them."""
    rows = {one.variant.name: one for one in (row("z"), row("b", 2), row("a", 1, macs=0.1), row("y"), row("c", 0))}
    order = [variant.name for variant in in_variant_order([one.variant for one in rows.values()])]
    assert ["c", "a", "b", "z", "y"] == order
    assert ("c", "b", "z", "y") == fitting([answered(rows[name], {"macs": 0.9}) for name in order])
