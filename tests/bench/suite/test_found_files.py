"""Finding the files that a record names: by hash, under any name, in which places, and what is not taken."""

from hashlib import sha256
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.record.asked import NamedFile
from bench.suite.found_files import Places, found_file, found_model


def digest(*parts: bytes) -> str:
    return sha256(b"".join(parts)).hexdigest()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A current folder, and a record's folder elsewhere."""
    here, sent = tmp_path / "here", tmp_path / "sent"
    here.mkdir()
    sent.mkdir()
    monkeypatch.chdir(here)
    return Places((Path(),), (sent,))


def model(places: Places, *parts: bytes, name: str = "net.onnx") -> Path:
    return found_model([name], digest(*parts), sum(map(len, parts)), "record.json", places)


def test_by_its_name_before_another(places: Places) -> None:
    """Two files of the same bytes: that of the record's name."""
    for name in ("a.onnx", "net.onnx"):
        Path(name).write_bytes(b"net")
    assert Path("net.onnx") == model(places, b"net")


@pytest.mark.parametrize("place", ["models", "a/b/c"])
def test_by_its_hash_below_the_current_folder(places: Places, place: str) -> None:
    """Three folders deep, under another name; the file of its name that is another is passed over."""
    Path("net.onnx").write_bytes(b"new")
    Path(place).mkdir(parents=True)
    (Path(place) / "renamed.onnx").write_bytes(b"net")
    assert Path(place) / "renamed.onnx" == model(places, b"net")


def test_not_four_folders_deep_nor_in_a_hidden_one(places: Places) -> None:
    """A search has an end."""
    for place in ("a/b/c/d", ".hidden"):
        Path(place).mkdir(parents=True)
        (Path(place) / "net.onnx").write_bytes(b"net")
    with pytest.raises(InputError, match=r"it was measured with net.onnx, which is neither in the current folder"):
        model(places, b"net")


def test_an_ir_is_two_files(places: Places) -> None:
    """Its hash is of both; other weights are another model."""
    Path("net.xml").write_bytes(b"graph")
    Path("net.bin").write_bytes(b"weights")
    assert Path("net.xml") == model(places, b"graph", b"weights", name="net.xml")
    Path("net.bin").write_bytes(b"WEIGHTS")
    with pytest.raises(InputError, match=r"net\.xml is not the file that it was measured with"):
        model(places, b"graph", b"weights", name="net.xml")


def test_weights_in_files_of_their_own_are_proved_later(places: Places) -> None:
    """A smaller ONNX file of the right name may have the rest beside it: preparing it tells."""
    Path("net.onnx").write_bytes(b"graph")
    assert Path("net.onnx") == model(places, b"graph", b"weights elsewhere")


def test_the_user_s_files_alone(places: Places) -> None:
    """With --base-model nothing else is looked at; the wrong file is named."""
    Path("net.onnx").write_bytes(b"net")
    Path("given.onnx").write_bytes(b"new")
    only = Places(places.own, places.sent, (Path("given.onnx"),), only_files=True)
    with pytest.raises(InputError, match=r"given\.onnx is not the file"):
        model(only, b"net")
    assert Path("given.onnx") == model(only, b"new")


def test_an_empty_hash_is_no_proof_of_a_file(places: Places) -> None:
    """A folder has none, and is found by its name; a file with one only by it."""
    Path("photos").mkdir()
    assert Path("photos") == found_file(NamedFile("photos"), "f", places, "--dataset DIR")
    Path("x.npy").write_bytes(b"x")
    with pytest.raises(InputError, match="its sha256 differs"):
        found_file(NamedFile("x.npy", digest(b"y"), 1), "f", places, "--input")


def test_what_came_with_a_suite_is_not_the_users_own(places: Places, tmp_path: Path) -> None:
    """A link in a folder that was sent leads nowhere, also where that is the current folder; the message says so. A
    file that the suite names is opened in any case."""
    secret = tmp_path / "secret.npy"
    secret.write_bytes(b"secret")
    Path("x.npy").symlink_to(secret)
    named = NamedFile("x.npy", digest(b"secret"), 6)
    assert Path("x.npy") == found_file(named, "f", places, "--input x=FILE")
    sent = Places(places.own, (*places.sent, Path().resolve()))
    with pytest.raises(InputError, match=r"x\.npy leads out of its folder, and such links are not followed"):
        found_file(named, "f", sent, "--input x=FILE")
    assert Path("x.npy") == found_file(named, "f", Places(sent.own, sent.sent, (Path("x.npy"),)), "--input x=FILE")
    Path("net.onnx").symlink_to(secret)
    with pytest.raises(InputError, match="such links are not followed"):
        found_model(["net.onnx"], digest(b"secret"), 6, "f", sent)
