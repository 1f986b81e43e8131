"""Inputs that nobody gave: pictures, indices, and what is said of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.contracts import Artifact, GraphFacts, GraphRoles, InputRole, TensorSpec
from bench.errors import InputError
from bench.inputs.made_inputs import NO_ROLE, seeded_feeds, values_in_words
from bench.inputs.prepared import InputsAsked, prepared_tensors
from bench.inputs.tensor_files import load_feeds
from bench.record.inputs import FedInput, InputFacts, made_up_controls

NCHW = (1, 3, 64, 96)


def made(dtype: str, shape: tuple[int, ...], role: InputRole = NO_ROLE, seed: int = 0) -> Any:
    return seeded_feeds([TensorSpec("x", dtype, shape)], {"x": shape}, seed, {"x": role})["x"]


class TestPictures:
    @pytest.mark.parametrize("shape", [NCHW, (1, 64, 96, 3), (2, 1, 64, 64)])
    def test_neighbours_are_alike(self, shape: tuple[int, ...]) -> None:
        """A picture has surfaces: most neighbouring pixels hardly differ, as none do in noise; a few are edges."""
        picture = made("float32", shape)
        across = np.abs(np.diff(picture, axis=3 if shape[1] in (1, 3) else 2))
        assert np.median(across) < 0.05 < 0.2 < across.max()
        assert picture.std() > 0.1
        assert (picture.shape, picture.dtype) == (shape, np.float32)

    @pytest.mark.parametrize(
        ("dtype", "top", "low", "high"),
        [
            ("float32", None, 0, 1),
            ("float32", 255.0, 0, 255),
            ("float16", 255.0, 0, 255),
            ("float64", 1.0, 0, 1),
            ("bfloat16", None, 0, 1),
            ("uint8", None, 0, 255),
            ("int8", None, -128, 127),
        ],
    )
    def test_range(self, dtype: str, top: float | None, low: float, high: float) -> None:
        """From black to white as the graph takes them, in 256 levels at most; and said so."""
        role = InputRole(picture_top=top)
        picture = made(dtype, NCHW, role).astype(np.float64)
        assert low <= picture.min() < low + 0.3 * (high - low)
        assert high - 0.3 * (high - low) < picture.max() <= high
        assert len(np.unique(picture)) <= 256
        words = values_in_words(TensorSpec("x", dtype, NCHW), NCHW, role)
        assert str(words) == f"made-up picture, {str(low).replace('-', '−')} to {high}"

    def test_the_seed_decides(self) -> None:
        """The same again for the same seed, another for another."""
        assert np.array_equal(made("float32", NCHW), made("float32", NCHW))
        assert not np.array_equal(made("float32", NCHW), made("float32", NCHW, seed=1))

    @pytest.mark.parametrize("shape", [(1, 4, 64, 64), (1, 3, 8, 8), (1, 400, 256), (3, 64, 64), (64,)])
    def test_other_shapes_are_noise(self, shape: tuple[int, ...]) -> None:
        """Neither latents nor features nor small tiles are pictures."""
        assert str(values_in_words(TensorSpec("x", "float32", shape), shape)) == "random, 0 to 1"
        assert abs(made("float32", shape).mean() - 0.5) < 0.2


class TestIndices:
    def test_stay_inside_the_table(self) -> None:
        """Any row of the table; of a table of one row the first."""
        ids = made("int64", (1000,), InputRole(rows=100))
        assert (0, 99) == (ids.min(), ids.max())
        assert [0] == np.unique(made("int32", (100,), InputRole(rows=1))).tolist()
        assert [0, 1] == np.unique(made("int64", (100,))).tolist()


class TestPrepared:
    """One input given, the rest made up."""

    SPECS = (TensorSpec("x", "float32", (1, 8)), TensorSpec("ids", "int64", (1, 4)), TensorSpec("sr", "int64", ()))
    ROLES = GraphRoles({"ids": InputRole(rows=5), "sr": InputRole(decides_work=True)})

    def prepared(self, folder: Path, *files: str) -> Any:
        shapes = {"x": (1, 8), "ids": (1, 4), "sr": ()}
        facts = GraphFacts(self.SPECS, (), roles=self.ROLES)
        artifact = Artifact("m", "tensor", "onnx", "float32", folder, (folder,), "0" * 64, 1, facts, shapes)
        return prepared_tensors(InputsAsked(files=files), artifact, folder)

    def test_one_is_enough(self, tmp_path: Path) -> None:
        """The given one is the same in every set, the others are made up anew in each, and the record says which."""
        np.save(tmp_path / "sr.npy", np.int64(16000))
        prepared = self.prepared(tmp_path, f"sr={tmp_path / 'sr.npy'}")
        sets = [load_feeds(path) for path in prepared.feeds]
        assert (4, "partly seeded") == (len(sets), prepared.check_source)
        assert {16000} == {int(one["sr"]) for one in sets}
        assert 4 == len({one["x"].tobytes() for one in sets})
        said = {one.name: (one.source, str(one.values), one.decides_work, one.rows) for one in prepared.inputs.fed}
        assert said == {
            "x": ("seeded", "random, 0 to 1", False, None),
            "ids": ("seeded", "random rows, 0 to 4", False, 5),
            "sr": ("file", "", True, None),
        }

    def test_all_given_is_one_set(self, tmp_path: Path) -> None:
        """Nothing is made up: one set, from files."""
        arrays = {"x": np.zeros((1, 8), np.float32), "ids": np.zeros((1, 4), np.int64), "sr": np.int64(8000)}
        np.savez(tmp_path / "all.npz", **arrays)
        prepared = self.prepared(tmp_path, str(tmp_path / "all.npz"))
        assert (1, "file") == (len(prepared.feeds), prepared.inputs.source)

    @pytest.mark.parametrize(("index", "fine"), [(4, True), (-5, True), (5, False), (-6, False)])
    def test_given_indices_outside_the_table_are_refused(self, index: int, fine: bool, tmp_path: Path) -> None:
        """OpenVINO reads past the table's end and says nothing."""
        np.save(tmp_path / "ids.npy", np.array([[0, 1, 2, index]]))
        if fine:
            self.prepared(tmp_path, f"ids={tmp_path / 'ids.npy'}")
            return
        with pytest.raises(InputError, match=r"--input ids: holds indices from .*, but its table has 5 rows") as caught:
            self.prepared(tmp_path, f"ids={tmp_path / 'ids.npy'}")
        assert "0 to 4" in caught.value.remedy


class TestControls:
    def test_a_failing_run_names_what_was_made_up(self) -> None:
        """A lone integer and what decides the work, not the data; nothing where all were given."""
        x = FedInput("x", "float32", "seeded", "random, 0 to 1")
        sr = FedInput("sr", "int64", "seeded", "random whole numbers, 0 or 1")
        facts = InputFacts("seeded", "0" * 64, {"x": (1, 8), "sr": ()}, fed=(x, sr))
        said = str(made_up_controls(facts))
        assert "Made-up values may be the cause: sr (int64: random whole numbers, 0 or 1)" in said
        assert "--input sr=FILE.npy" in said
        assert not made_up_controls(InputFacts("seeded", "0" * 64, {"x": (1, 8)}, fed=(x,)))
        assert not made_up_controls(None)
