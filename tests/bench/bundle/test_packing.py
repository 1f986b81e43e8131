"""What ``odb pack`` puts into a bundle: the same bytes each time, nothing of the machine, and no names if blind."""

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
from made_bundles import criterion, files_of, submission, write_packed, write_submission

from bench import __version__
from bench.bundle.contents.toml import toml_bytes
from bench.bundle.packing import PackOptions, Rejected, packing
from bench.errors import InputError
from bench.submission.files import form_of
from bench.submission.form import Submission, SubmittedModel, SubmittedScenario, SubmittedTarget
from bench.submission.track import Track, track_named, track_names
from bench.suite.suite import load_suite

AGAIN = """
import os, sys
from pathlib import Path
os.umask(0o077)
sys.path.insert(0, sys.argv[3])
from made_bundles import write_packed
write_packed(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, with the submission's folder ``s`` beside it."""
    folder = tmp_path_factory.mktemp("packed")
    return write_packed(write_submission(folder / "s"), folder / "b.zip")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_submission(tmp_path / "s")


def content(bundle: Path, name: str) -> bytes:
    (found,) = [data for full, data in files_of(bundle).items() if full.partition("/")[2] == name]
    return found


@pytest.mark.process
def test_the_same_folder_gives_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    """In another process, time zone, language, hash seed and umask, from another folder, with other times."""
    other = tmp_path / "elsewhere" / "another name"
    other.parent.mkdir()
    for file in sorted((packed.parent / "s").rglob("*"), reverse=True):
        place = other / file.relative_to(packed.parent / "s")
        if file.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
    support = Path(__file__).parents[2] / "support" / "bundles"
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, other, tmp_path / "b.zip", support],
        env={"TZ": "Asia/Seoul", "PYTHONHASHSEED": "7", "ODB_LANG": "ko", "LC_ALL": "C", "HOME": "/nonexistent/kimchi"},
        cwd=tmp_path,
        check=False,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "b.zip").read_bytes() == packed.read_bytes()


@pytest.mark.process
def test_sha256sum_checks_it(packed: Path, tmp_path: Path) -> None:
    """With no tool of ours: unzip, then sha256sum -c of both manifests."""
    for name, data in files_of(packed).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (top,) = tmp_path.iterdir()
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        done = subprocess.run(["sha256sum", "-c", "--strict", "--quiet", manifest], cwd=top, timeout=60, check=False)
        assert done.returncode == 0


def test_bagit_accepts_it(packed: Path, tmp_path: Path) -> None:
    """The library of the Library of Congress, completeness and hashes."""
    bagit = pytest.importorskip("bagit")
    for name, data in files_of(packed).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (top,) = tmp_path.iterdir()
    bag = bagit.Bag(str(top))
    assert bag.is_valid(fast=False)
    assert bag.info["External-Identifier"] == top.name


STATEMENT = {
    "type": "object",
    "required": ["_type", "subject", "predicateType", "predicate"],
    "properties": {
        "_type": {"const": "https://in-toto.io/Statement/v1"},
        "subject": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/subject"}},
        "predicateType": {"const": "https://in-toto.io/attestation/test-result/v0.1"},
        "predicate": {
            "type": "object",
            "required": ["result", "configuration"],
            "properties": {
                "result": {"enum": ["PASSED", "WARNED", "FAILED"]},
                "configuration": {"type": "array", "items": {"$ref": "#/$defs/resource"}},
                "url": {"type": "string", "format": "uri"},
                "passedTests": {"$ref": "#/$defs/names"},
                "warnedTests": {"$ref": "#/$defs/names"},
                "failedTests": {"$ref": "#/$defs/names"},
            },
        },
    },
    "$defs": {
        "names": {"type": "array", "items": {"type": "string"}},
        "digest": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]+$"},
        },
        "resource": {
            "type": "object",
            "anyOf": [{"required": ["uri"]}, {"required": ["digest"]}, {"required": ["content"]}],
            "properties": {
                "name": {"type": "string"},
                "uri": {"type": "string"},
                "digest": {"$ref": "#/$defs/digest"},
                "content": {"type": "string", "contentEncoding": "base64"},
                "downloadLocation": {"type": "string"},
                "mediaType": {"type": "string"},
                "annotations": {"type": "object"},
            },
            "additionalProperties": False,
        },
        "subject": {"allOf": [{"$ref": "#/$defs/resource"}, {"required": ["digest"]}]},
    },
}
"""in-toto's Statement v1, its ResourceDescriptor and the predicate test-result v0.1, from their specifications."""


def test_the_statement_is_one_of_in_toto(packed: Path) -> None:
    """Its subjects are all files of the payload, the manifest, and what makes the folder a bag."""
    stated = json.loads(content(packed, "attestations/test-result.json"))
    jsonschema.Draft202012Validator(STATEMENT).validate(stated)
    named = {one["name"]: one["digest"]["sha256"] for one in stated["subject"]}
    files = {name.partition("/")[2]: hashlib.sha256(data).hexdigest() for name, data in files_of(packed).items()}
    outside = {"tagmanifest-sha256.txt", "attestations/test-result.json"}
    assert named == {name: digest for name, digest in files.items() if name not in outside}


def test_the_statement_form_can_fail() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(STATEMENT).validate({"_type": "https://in-toto.io/Statement/v1"})


def unpacked(bundle: Path, folder: Path) -> Path:
    for name, data in files_of(bundle).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (top,) = folder.iterdir()
    return top


def test_the_crate_is_read_by_its_library(packed: Path, tmp_path: Path) -> None:
    """Each record is an action with its instrument, objects and results, which exist."""
    rocrate = pytest.importorskip("rocrate.rocrate")
    top = unpacked(packed, tmp_path)
    crate = rocrate.ROCrate(str(top / "data"))
    actions = [one for one in crate.contextual_entities if one.type == "CreateAction"]
    assert [one["name"] for one in actions] == ["odb run: net on null:cpu, single-stream"] * 2
    for action in actions:
        assert action["instrument"]["softwareVersion"] == __version__
        assert "models/net/net.onnx" in [one.id for one in action["object"]]
        assert [Path(one.id).name for one in action["result"]] == ["record.json", "samples.npz"]
    files = {one.relative_to(top / "data").as_posix() for one in (top / "data").rglob("*") if one.is_file()}
    assert {one.id for one in crate.data_entities} == files - {"ro-crate-metadata.json"}


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> None:
    """The validator looks the terms of RO-Crate up on the web: here they come from the library."""
    http = pytest.importorskip("rocrate_validator.utils.http")
    crates = pytest.importorskip("rocrate")
    terms = json.loads((Path(crates.__file__).parent / "data" / "ro-crate.jsonld").read_text())["@context"]
    terms["sha256"] = "https://w3id.org/ro/terms/workflow-run#sha256"
    body = json.dumps({"@context": terms})

    class Answer:
        status_code, ok, text, content = 200, True, body, body.encode()
        headers = {"Content-Type": "application/ld+json"}  # noqa: RUF012

        def json(self) -> object:
            return json.loads(body)

        def raise_for_status(self) -> None:
            pass

    def get(requester: object, url: str, *rest: object, **more: object) -> Answer:
        return Answer()

    monkeypatch.setattr(http.HttpRequester, "get", get, raising=False)


@pytest.mark.long
@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("profile", ["ro-crate-1.1", "process-run-crate-0.5"])
def test_the_validator_of_the_profile_accepts_it(packed: Path, tmp_path: Path, profile: str) -> None:
    """Everything that RO-Crate and the Process Run Crate require, and what they recommend but for the publisher and
    addresses of organisations, which the form does not ask for."""
    services = pytest.importorskip("rocrate_validator.services")
    severity = pytest.importorskip("rocrate_validator.models").Severity.RECOMMENDED
    data = unpacked(packed, tmp_path) / "data"
    settings = services.ValidationSettings(
        rocrate_uri=str(data), profile_identifier=profile, requirement_severity=severity, offline=True
    )
    result = services.validate(settings)
    told = {issue.message for issue in result.get_issues()}
    assert {line for line in told if "publisher" not in line and "SHOULD have a URL" not in line} == set()


def test_the_suite_is_a_suite(packed: Path, tmp_path: Path) -> None:
    """``odb run suite.toml`` in the unpacked bundle measures what the form asks for."""
    suite = load_suite(unpacked(packed, tmp_path) / "data" / "suite.toml")
    assert ([one.id for one in suite.targets], suite.repeats, suite.preset) == (["null:cpu"], 6, "standard")
    assert Path(suite.models[0].source).read_bytes()


def test_the_suite_asks_for_no_more_than_the_form(tmp_path: Path) -> None:
    """A scenario is played with the models that the form names, or that fit by what their records say. Paths
    are those in the bundle."""
    form = submission(
        models=(SubmittedModel("net", "../elsewhere/net.onnx"), SubmittedModel("voice", "mobilenet_v2")),
        scenarios=(
            SubmittedScenario("single-stream", models=("voice",)),
            SubmittedScenario("multi-stream"),
            SubmittedScenario("offline", models=("net",)),
            SubmittedScenario("sustained", {"minutes": 10}),
        ),
    )
    (tmp_path / "elsewhere").mkdir()
    folder = write_submission(tmp_path / "s", form)
    (tmp_path / "elsewhere" / "net.onnx").write_bytes((folder / "net.onnx").read_bytes())
    text = content(write_packed(folder, tmp_path / "b.zip", despite_rejections=True), "data/suite.toml").decode()
    asked = tomllib.loads(text)
    assert [one["source"] for one in asked["models"]] == ["models/net/net.onnx", "mobilenet_v2"]
    assert [(one["name"], one.get("models")) for one in asked["scenarios"]] == [
        ("single-stream", ["mobilenet_v2"]),
        ("multi-stream", None),
        ("offline", ["models/net/net.onnx"]),
        ("sustained", None),
    ]


@pytest.mark.parametrize("name", track_names())
def test_forms_are_read_back(name: str) -> None:
    """What is written as TOML is what is read from it."""
    track = track_named(name)
    assert form_of(toml_bytes(track).decode(), name, Track) == track
    form = submission(criteria=track.criteria, targets=(SubmittedTarget("a:b", {"x.y": 'a"b\\c\n'}),))
    assert form_of(toml_bytes(form).decode(), name, Submission) == form


def test_without_the_model_its_hash_stays(folder: Path, tmp_path: Path) -> None:
    bundle = write_packed(folder, tmp_path / "b.zip", with_models=False)
    assert not [name for name in files_of(bundle) if "/models/" in name]
    (model,) = json.loads(content(bundle, "data/models.json"))["models"]
    digest = hashlib.sha256((folder / "net.onnx").read_bytes()).hexdigest()
    assert (model["packed"], model["sha256"], model["size_bytes"]) == (False, digest, 720)


def test_other_files_of_the_folder_stay_out(folder: Path, tmp_path: Path) -> None:
    (folder / "notes.txt").write_text("secret")
    (folder / "records" / "report.html").write_text("secret")
    (folder / "records" / "r1" / "more.txt").write_text("secret")
    bundle = write_packed(folder, tmp_path / "b.zip")
    assert b"secret" not in bundle.read_bytes()


def test_inputs_are_packed_where_the_form_names_them(tmp_path: Path) -> None:
    """Two of one name in folders of their own; a dataset only by its hash."""
    model = SubmittedModel(
        "net", "net.onnx", inputs={"x": "a/in.npy", "y": "b/in.npy"}, prompts="say.txt", dataset="pictures"
    )
    folder = write_submission(tmp_path / "s", submission(models=(model,)))
    for name in ("a/in.npy", "b/in.npy", "say.txt", "pictures/1.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(name.encode())
    bundle = write_packed(folder, tmp_path / "b.zip")
    inputs = {name.partition("/data/")[2]: data for name, data in files_of(bundle).items() if "/inputs/" in name}
    assert inputs == {
        "inputs/net/0/in.npy": b"a/in.npy",
        "inputs/net/1/in.npy": b"b/in.npy",
        "inputs/net/say.txt": b"say.txt",
    }
    form = tomllib.loads(content(bundle, "data/submission.toml").decode())
    assert form["models"][0]["inputs"] == {"x": "inputs/net/0/in.npy", "y": "inputs/net/1/in.npy"}
    assert form["models"][0]["dataset"] == "inputs/net/pictures"


def test_a_model_of_several_files(tmp_path: Path) -> None:
    """All that its reader names are packed, hashed together in its order."""
    folder = write_submission(tmp_path / "s")
    (folder / "weights").mkdir()
    (folder / "weights" / "part.bin").write_bytes(b"more")
    files = (folder / "net.onnx", folder / "weights" / "part.bin")
    with packing(folder, PackOptions(despite_rejections=True), files_of=lambda model, place: files) as made:
        names = [name.partition("/data/")[2] for name in made.files if "/models/" in name]
        listed = json.loads(b"".join(_bytes(made.files, "data/models.json")))["models"][0]
    assert names == ["models/net/net.onnx", "models/net/weights/part.bin"]
    assert listed["sha256"] == hashlib.sha256(files[0].read_bytes() + b"more").hexdigest()


def _bytes(files: dict, name: str) -> list[bytes]:  # type: ignore[type-arg]
    return [one.content for full, one in files.items() if full.endswith(f"/{name}")]


def test_what_check_rejects_is_not_packed(tmp_path: Path) -> None:
    """Unless asked for: then the bundle says that it failed, and which rules."""
    folder = write_submission(tmp_path / "s", submission(criteria=(criterion(1, weight=40.0),)))
    with pytest.raises(Rejected, match="ODB-S-202") as caught:
        write_packed(folder, tmp_path / "b.zip")
    assert (caught.value.exit_status, (tmp_path / "b.zip").exists()) == (1, False)
    bundle = write_packed(folder, tmp_path / "b.zip", despite_rejections=True)
    predicate = json.loads(content(bundle, "attestations/test-result.json"))["predicate"]
    assert (predicate["result"], predicate["failedTests"]) == ("FAILED", ["ODB-S-202"])
    assert "ODB-S-201" in predicate["passedTests"]


def test_a_damaged_record_is_not_packed(folder: Path, tmp_path: Path) -> None:
    (folder / "records" / "r1" / "record.json").write_bytes(b"{}")
    with pytest.raises(InputError, match="r1"):
        write_packed(folder, tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


def test_names_that_no_bundle_may_hold(tmp_path: Path) -> None:
    """A model's file is named with the field, before anything is written."""
    for number, source in enumerate(("con.onnx", "a%b.onnx", "a\u202eb.onnx")):
        folder = write_submission(tmp_path / f"s{number}", submission(models=(SubmittedModel("net", source),)))
        with pytest.raises(InputError, match="model net"):
            write_packed(folder, tmp_path / "b.zip")
