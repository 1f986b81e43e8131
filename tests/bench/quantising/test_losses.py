"""How far outputs are from the float model's, in figures that can be computed by hand."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bench.contracts import CalibrationSet, MadeFrom
from bench.quantising.lineage import with_result
from bench.quantising.losses import decibels, least, loss
from bench.quantising.outcome import Loss, Placed, Quantised, Sampled, Try
from bench.quantising.told import choice_told, placed_told


def of(values: list[list[float]]) -> list[dict[str, np.ndarray]]:
    return [{"y": np.array(row, np.float32)} for row in values]


def test_a_tenth_of_every_value_is_twenty_decibels() -> None:
    """The squares of the errors are a hundredth of the squares."""
    found = loss(of([[10, 20]]), of([[11, 18]]))
    assert found is not None
    assert ("y", 1, None) == (found.output, found.samples, found.interval95)
    assert 0.01 == pytest.approx(found.error)
    assert 20.0 == pytest.approx(decibels(found.error))


def test_samples_are_pooled_and_not_averaged() -> None:
    """A sample of small values counts by its squares: (1 + 0) of (1 + 100)."""
    found = loss(of([[1], [10]]), of([[0], [10]]))
    assert found is not None
    assert 1 / 101 == pytest.approx(found.error)


def test_the_furthest_output_counts() -> None:
    """A model loses what its worst output loses."""
    exact = [{"boxes": np.ones(2), "scores": np.ones(2)}]
    measured = [{"boxes": np.ones(2), "scores": np.full(2, 0.5)}]
    found = loss(exact, measured)
    assert found is not None
    assert ("scores", 0.25) == (found.output, pytest.approx(found.error))


def test_labels_count_by_how_many_differ() -> None:
    """Of integers wider than 8 bits, and of outputs that are named as labels."""
    exact, measured = np.array([1, 2, 3, 4]), np.array([1, 2, 3, 9])
    for kind, names in (("int64", ()), ("float32", ("y",))):
        found = loss([{"y": exact.astype(kind)}], [{"y": measured.astype(kind)}], names)
        assert found is not None
        assert 0.25 == pytest.approx(found.error)


def test_what_is_not_finite() -> None:
    """Left out where the float model has it too; counted as nothing where the quantised model alone has it."""
    found = loss(of([[np.inf, 3, 4]]), of([[0, 3, np.nan]]))
    assert found is not None
    assert 16 / 25 == pytest.approx(found.error)


def test_nothing_but_zeros_is_no_loss_and_no_figure() -> None:
    """There is nothing to compare with."""
    assert loss(of([[0, 0]]), of([[0, 0]])) is None
    assert loss([], []) is None


def test_ten_samples_have_an_interval_that_holds_the_error() -> None:
    """By a bootstrap over samples; below ten there is none."""
    generator = np.random.default_rng(0)
    exact = of(generator.normal(size=(10, 50)).tolist())
    measured = [{"y": one["y"] + 0.1 * generator.normal(size=50)} for one in exact]
    found = loss(exact, measured)
    assert found is not None
    assert found.interval95 is not None
    assert found.interval95[0] < found.error < found.interval95[1]
    assert found == loss(exact, measured), "the resamples are seeded"
    fewer = loss(exact[:9], measured[:9])
    assert fewer is not None
    assert fewer.interval95 is None


def test_the_least_loss_among_those_that_count() -> None:
    """The first of equal ones; none where none counts."""
    losses = [Loss(output="y", error=e, interval95=None, samples=1) for e in (0.1, 0.3, 0.1, 0.0)]
    assert 0 == least([(True, one) for one in losses[:3]])
    assert 1 == least([(False, losses[0]), (True, losses[1]), (True, None)])
    assert least([(False, losses[0])]) is None
    assert decibels(0.0) is None


def test_a_result_without_a_mac_on_the_unit_that_it_is_for() -> None:
    """Status 1, and a caution; a graph without MACs, and one that runs there in part, are no such case."""
    for macs, status in (({"HTP": 0, "CPU": 5}, 1), ({"CPU": 5}, 1), ({"HTP": 1, "CPU": 4}, 0), ({"HTP": 0}, 0)):
        placed = Placed(target="qnn:htp-emu", options={}, requested="HTP", nodes={"HTP": 1, "CPU": 3}, macs=macs)
        assert replace(quantised(), placed=(placed,)).status == status
        assert any("no MAC runs on the HTP" in line for line in placed_told(placed)) == bool(status)


def test_the_command_that_measures_it_names_a_target_where_it_ran(tmp_path: Path) -> None:
    """Not one on which it could not be shown: then all that are here."""
    result = tmp_path / "m.onnx"
    result.write_bytes(b"m\n")
    ran = Placed(target="qnn:htp-emu", options={"soc": "x"})
    failed = replace(ran, failure="no room")
    plain = f"odb run -m {result}"
    for placed, command in (((ran,), f"{plain} -t qnn:htp-emu -O soc=x"), ((failed,), plain), ((), plain)):
        outcome = with_result(replace(quantised(), placed=placed), (result,), result)
        assert command == outcome.command


@pytest.mark.parametrize(
    ("other_db", "fits", "held_back", "choosing", "said"),
    [
        (
            28.7,
            True,
            True,
            2,
            "minmax is 3.50 dB higher. It was not chosen: its loss on 2 samples",
        ),
        (28.7, True, True, 0, "loss on 4 samples"),
        (26.1, True, True, 2, ""),
        (20.0, True, True, 2, ""),
        (28.7, False, True, 2, ""),
        (28.7, True, False, 0, ""),
    ],
)
def test_a_method_that_only_the_judging_samples_prefer_is_named(
    other_db: float, fits: bool, held_back: bool, choosing: int, said: str
) -> None:
    """So that nobody wonders why the table's best was not taken; not for a difference below 1 dB, nor of a file that is
    too large."""

    def lost(db: float) -> Loss:
        return Loss(output="y", error=10 ** (-db / 10), interval95=None, samples=2)

    tries = (
        Try(method="entropy", options={}, judging=lost(25.2)),
        Try(method="minmax", options={}, judging=lost(other_db), fits=fits),
        Try(method="entropy", options={}, judging=lost(40.0), widened=("layer",)),
        Try(method="broken", options={}, failure="no"),
    )
    sampled = replace(quantised().sampled, held_back=held_back, choosing=choosing, calibrating=4)
    lines = choice_told(replace(quantised(), tries=tries, sampled=sampled))
    assert bool(said) == bool(lines)
    assert said in "".join(lines)


def quantised() -> Quantised:
    made = MadeFrom("m.onnx", "onnx", "a" * 64, 1)
    return Quantised(
        tool_version="0",
        created_utc="",
        quantiser="onnx",
        scheme="int8",
        source=made,
        calibration=CalibrationSet(1, "b" * 64, ""),
        sampled=Sampled(
            found=1,
            calibrating=1,
            choosing=0,
            judging=1,
            held_back=False,
            duplicates=0,
            unused=0,
            labelled=False,
            left_out=(),
            hashes=(),
        ),
        tries=(),
        chosen=0,
    )
