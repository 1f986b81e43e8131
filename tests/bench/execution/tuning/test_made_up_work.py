"""Nothing is tuned for an amount of work that was made up."""

import pytest

from bench.errors import InputError
from bench.execution.tuning.opening import refuse_made_up_work
from bench.record.inputs import FedInput, InputFacts


def fed(**changes: bool) -> InputFacts:
    """A made-up length, or one that decides nothing."""
    one = FedInput("lens", "int64", "seeded", "0 or 1", **changes)
    return InputFacts("seeded", "0" * 64, {"lens": (1,)}, fed=(one,))


def test_a_made_up_length_is_refused() -> None:
    """Settings that are best for one frame are none for four hundred. The error says what to give."""
    with pytest.raises(InputError, match=r"Made up: lens \(int64: 0 or 1\)") as refused:
        refuse_made_up_work(fed(decides_work=True))
    assert "--input NAME=FILE.npy" in str(refused.value.remedy)


def test_other_inputs_may_be_made_up() -> None:
    """As everywhere."""
    refuse_made_up_work(fed())
    refuse_made_up_work(None)
