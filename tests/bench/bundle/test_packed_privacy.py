"""Nothing of the machine leaves it in a bundle; nothing of the applicant in a blind one."""

import tomllib
from pathlib import Path

import pytest
from made_bundles import add_record, criterion, dossier, files_of, submission, write_packed, write_submission

from bench.bundle.packing import PackOptions, packing
from bench.bundle.privacy import Owner, without_owner
from bench.errors import InputError
from bench.submission.form import Party, SubmittedDevice, SubmittedModel, SubmittedTarget
from bench.submission.texts import Texts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_submission(tmp_path / "s")


def content(bundle: Path, name: str) -> bytes:
    (found,) = [data for full, data in files_of(bundle).items() if full.partition("/")[2] == name]
    return found


NAME, HOST = "zephyrine", "quokkabox"


@pytest.fixture
def owned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A submission in the home folder of an account on a machine, both with names that occur nowhere else."""
    home = tmp_path / "home" / NAME
    home.mkdir(parents=True)
    monkeypatch.setenv("USER", NAME)
    monkeypatch.setenv("LOGNAME", NAME)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("socket.gethostname", lambda: f"{HOST}.corp.example")
    monkeypatch.setattr("platform.node", lambda: HOST)
    model = SubmittedModel("net", str(home / "work" / "net.onnx"), title=f"of {NAME}", prompts=f"/home/{NAME}/say.txt")
    options = {"cache_dir": f"/home/{NAME}/cache", "log": f"C:\\Users\\{NAME}\\log.txt"}
    form = submission(
        models=(model,),
        targets=(SubmittedTarget("null:cpu", options),),
        device=SubmittedDevice(name="Board", notes=f"on {HOST} by {NAME}@{HOST} in ~{NAME}/x and {home}/data"),
        criteria=(criterion(1, weight=100.0, source=f"//nas/{NAME}/log", method=Texts(ko=f"{NAME}이", en=HOST)),),
    )
    folder = write_submission(home / "work", form)
    (folder / "submission.toml").write_bytes((folder / "submission.toml").read_bytes() + f"# {NAME}\n".encode())
    return folder


def test_nothing_of_the_machine_leaves_it(owned: Path, tmp_path: Path) -> None:
    """Account, host, home and paths in the form, a comment, options, a model's path: in no byte of any file."""
    with packing(owned, PackOptions(despite_rejections=True), render=dossier) as made:
        assert "device.notes" in made.form.changed
    bundle = write_packed(owned, tmp_path / "b.zip", despite_rejections=True)
    whole = bundle.read_bytes()
    for planted in (NAME, HOST, str(tmp_path), "/home/", "corp.example", "Users"):
        for spelled in (planted, planted.upper(), planted.capitalize()):
            assert spelled.encode() not in whole
            assert spelled.encode("utf-16-le") not in whole
    form = tomllib.loads(content(bundle, "data/submission.toml").decode())
    assert form["models"][0]["source"] == "models/net/net.onnx"
    assert form["targets"][0]["options"] == {"cache_dir": "…/cache", "log": "…/log.txt"}


@pytest.mark.parametrize("hidden", [NAME.encode(), HOST.encode(), b"{home}", "{home}".encode("utf-16-le")])
def test_a_model_that_names_the_machine_is_refused(owned: Path, tmp_path: Path, hidden: bytes) -> None:
    """Exporters write paths into graphs. The file is named, and what to do."""
    planted = hidden.replace(b"{home}", str(owned.parent).encode())
    if b"\0" in hidden:
        planted = str(owned.parent).encode("utf-16-le")
    (owned / "net.onnx").write_bytes(b"\1" * 100 + planted + b"\2")
    with pytest.raises(InputError, match=r"models/net/net\.onnx") as caught:
        write_packed(owned, tmp_path / "b.zip")
    assert "--without-model" in caught.value.remedy
    assert write_packed(owned, tmp_path / "b.zip", keep_names=True, despite_rejections=True).is_file()


def test_a_record_that_names_the_machine_is_refused(owned: Path, tmp_path: Path) -> None:
    add_record(owned, "r3", 4_000_000, f"{NAME}_net.onnx")
    with pytest.raises(InputError, match=r"records/r3/record\.json"):
        write_packed(owned, tmp_path / "b.zip")


def test_generic_names_are_words() -> None:
    """An account named root or user says nothing of anybody."""
    assert (
        without_owner("the root of the user's tree, at 1 s / 30", Owner((), ()))
        == "the root of the user's tree, at 1 s / 30"
    )
    assert without_owner("ada ran it; adamant", Owner(("ada",), ())) == "… ran it; adamant"


def test_links_of_sources_stay(tmp_path: Path) -> None:
    """Addresses of papers are no paths of the machine."""
    form = tomllib.loads(
        content(write_packed(write_submission(tmp_path / "s"), tmp_path / "b.zip"), "data/submission.toml").decode()
    )
    assert form["criteria"][0]["source"] == "https://example.org/table/3"


def test_a_blind_bundle_names_nobody(folder: Path, tmp_path: Path) -> None:
    """Neither organisation nor people nor contact nor project; the device's maker stays."""
    with packing(folder, PackOptions(blind=True), render=dossier) as made:
        assert {"applicant.organisation", "project.name.en", "device.notes"} <= {*made.form.emptied}
    bundle = write_packed(folder, tmp_path / "b.zip", blind=True)
    whole = bundle.read_bytes().lower()
    for name in ("granite", "hong", "gildong", "bridge inspection", "buyer", "a note"):
        assert name.encode() not in whole
    form = tomllib.loads(content(bundle, "data/submission.toml").decode())
    assert form["device"]["maker"] == "A maker"
    assert next(iter(files_of(bundle))).startswith("inspection-drone-")


@pytest.mark.parametrize(
    "words", ["Granite Vision", "GRANITE-VISION", "granitevision", "Hong Gildong", "granitevision.kr"]
)
def test_a_blind_bundle_with_names_in_texts_is_refused(words: str, tmp_path: Path) -> None:
    """In what cannot be left out, the file is named."""
    criteria = (criterion(1, weight=100.0, conditions=f"As {words} does it"),)
    folder = write_submission(tmp_path / "s", submission(criteria=criteria))
    with pytest.raises(InputError, match=r"submission\.toml|assessment\.json|ro-crate"):
        write_packed(folder, tmp_path / "b.zip", blind=True)


def test_a_blind_bundle_without_an_applicant(tmp_path: Path) -> None:
    folder = write_submission(tmp_path / "s", submission(applicant=Party()))
    assert write_packed(folder, tmp_path / "b.zip", blind=True).is_file()
