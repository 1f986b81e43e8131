"""``odb verify``: a bundle that was changed is refused by the rule that says how, whoever made its manifests anew."""

import json
import random
import re
from collections import deque
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from forged_bundles import RECORD, edited, failed, put, resealed, verified
from made_bundles import (
    add_record,
    changed,
    dossier,
    files_of,
    listed_anew,
    submission,
    write_files,
    write_packed,
    write_submission,
)
from msgspec.structs import replace

from bench.bundle import open_bundle
from bench.bundle.archive import contents, members_in
from bench.bundle.contents.toml import toml_bytes
from bench.bundle.refused import RefusedBundle
from bench.bundle.rules import RULES
from bench.bundle.verification import verify
from bench.record.record import Tool
from bench.submission.form import SubmittedModel
from bench.submission.track import track_named


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    return write_packed(write_submission(folder / "s"), folder / "b.zip")


def test_a_bundle_as_it_was_packed_is_verified(packed: Path) -> None:
    found = verified(packed)
    assert failed(found) == []
    assert {one.rule: str(one.note) for one in found.results if one.state != "ok"} == {"ODB-B-016": "not signed"}
    assert found.judged is not None
    assert found.verified


def test_an_unpacked_bundle_is_verified(packed: Path, tmp_path: Path) -> None:
    """Under any name of its folder."""
    write(files_of(packed), tmp_path)
    (top,) = tmp_path.iterdir()
    assert failed(verified(top)) == []
    assert failed(verified(top.rename(tmp_path / "renamed"))) == []


def write(files: dict[str, bytes], folder: Path) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def test_every_rule_has_its_words() -> None:
    for rule in RULES:
        assert str(rule.title)
        assert str(rule.remedy)
    assert len({rule.id for rule in RULES}) == len(RULES)


# ------------------------------------------------------------------------------------ a byte changed anywhere


@pytest.mark.long
def test_one_changed_byte_in_any_file_is_refused(packed: Path, tmp_path: Path) -> None:
    """At several places of every file, in an unpacked bundle: by the manifest or what it covers."""
    files = files_of(packed)
    write(files, tmp_path)
    (top,) = tmp_path.iterdir()
    for name, data in files.items():
        for at in sorted({0, len(data) // 2, len(data) - 1}):
            (tmp_path / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            rules = failed(verified(top))
            short = name.partition("/")[2]
            by = "ODB-B-005" if short.startswith("data/") else "ODB-B-006"
            assert by in rules or (short == "manifest-sha256.txt" and "ODB-B-005" in rules), (name, at, rules)
        (tmp_path / name).write_bytes(data)


def read(stream: BytesIO) -> None:
    """All of an archive, without writing a file."""
    for _, chunks in contents(stream, members_in(stream)):
        deque(chunks, 0)


def test_one_changed_byte_of_the_zip_is_refused(packed: Path, tmp_path: Path) -> None:
    """A thousand random bytes, each to a random other value: none carries nothing. Read as ``open_bundle`` reads."""
    draw, data = random.Random(12), packed.read_bytes()
    for number in range(1000):
        at = draw.randrange(len(data))
        changed = data[:at] + bytes([data[at] ^ draw.randint(1, 255)]) + data[at + 1 :]
        with pytest.raises(RefusedBundle) as caught:
            read(BytesIO(changed))
        rule = caught.value.finding.rule
        assert rule in ("ODB-B-001", "ODB-B-002", "ODB-B-003")
        if number % 50 == 0:
            (tmp_path / "c.zip").write_bytes(changed)
            assert failed(verified(tmp_path / "c.zip")) == [rule]


def test_a_changed_byte_in_a_zip_made_anew_is_refused(packed: Path, tmp_path: Path) -> None:
    """The archive written again with its checksums: the manifest says which file."""
    files = files_of(packed)
    for name, data in files.items():
        write_files(tmp_path / "c.zip", {**files, name: bytes([data[0] ^ 1]) + data[1:]})
        rules = failed(verified(tmp_path / "c.zip"))
        assert {"ODB-B-005", "ODB-B-006"} & {*rules}, name


# --------------------------------------------------------------------------- forged, with manifests made anew


FORGED: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "a figure in a record": (RECORD, edited(put("summary", "latency_ns", "p50", value=1_000_000)), "ODB-B-008"),
    "a figure in a sealed record": (
        RECORD,
        resealed(put("summary", "latency_ns", "p50", value=1_000_000)),
        "ODB-B-009",
    ),
    "a figure by one per mille": (RECORD, resealed(put("summary", "latency_ns", "mean", value=4_030_000)), "ODB-B-009"),
    "a throughput": (RECORD, resealed(put("summary", "throughput_per_s", value=999.0)), "ODB-B-009"),
    "a verdict": (RECORD, resealed(put("verdict", "valid", value=True)), "ODB-B-009"),
    "the reasons of a verdict": (RECORD, resealed(put("verdict", "reasons", value=[])), "ODB-B-009"),
    "the id of a record": (RECORD, resealed(put("record_id", value="r3")), "ODB-B-008"),
    "the model of a record": (RECORD, resealed(put("plan", "model", "sha256", value="0" * 64)), "ODB-B-010"),
    "samples": ("data/records/r2/samples.npz", lambda data: data[:-1] + b"\1", "ODB-B-008"),
    "a figure": ("data/assessment.json", edited(put("criteria", 0, "figure", "value", value=3e6)), "ODB-B-013"),
    "a bound": ("data/assessment.json", edited(put("criteria", 0, "figure", "low", value=3e6)), "ODB-B-013"),
    "a decision": ("data/assessment.json", edited(put("criteria", 0, "decision", "word", value="met")), "ODB-B-013"),
    "a target": ("data/assessment.json", edited(put("criteria", 1, "target", value=50)), "ODB-B-013"),
    "a weight": ("data/assessment.json", edited(put("criteria", 1, "weight", value=90)), "ODB-B-013"),
    "a total": ("data/assessment.json", edited(put("total", "met", value=100)), "ODB-B-013"),
    "a validity": ("data/assessment.json", edited(put("records", 0, "valid", value=True)), "ODB-B-013"),
    "spaces in the assessment": ("data/assessment.json", lambda data: data + b" ", "ODB-B-013"),
    "the rules' result": ("data/assessment.json", edited(put("rules", "version", value=9)), "ODB-B-014"),
    "a passed rule": (
        "attestations/test-result.json",
        edited(put("predicate", "passedTests", value=["ODB-S-999"])),
        "ODB-B-014",
    ),
    "a result": ("attestations/test-result.json", edited(put("predicate", "result", value="PASSED")), "ODB-B-014"),
    "names left out": ("data/assessment.json", edited(put("rules", "blind", value=True)), "ODB-B-014"),
    "a subject": (
        "attestations/test-result.json",
        edited(put("subject", 3, "digest", "sha256", value="0" * 64)),
        "ODB-B-015",
    ),
    "the type": ("attestations/test-result.json", edited(put("_type", value="https://example.org")), "ODB-B-015"),
    "more in the statement": ("attestations/test-result.json", edited(lambda s: s.update(more=1)), "ODB-B-015"),
    "the form": ("data/submission.toml", lambda data: data.replace(b"target = 10\n", b"target = 20\n"), "ODB-B-013"),
    "a comment in the form": ("data/submission.toml", lambda data: data + b"# x\n", "ODB-B-007"),
    "a broken form": ("data/submission.toml", lambda data: data + b"= x\n", "ODB-B-007"),
    "the track": ("data/track.toml", lambda data: data + b"# x\n", "ODB-B-007"),
    "a proposal of the track": (
        "data/track.toml",
        lambda data: re.sub(b"target = .*", b"target = 1", data),
        "ODB-B-007",
    ),
    "the model": ("data/models/net/net.onnx", lambda data: data[:-1] + b"\0", "ODB-B-010"),
    "the list of models": ("data/models.json", edited(put("models", 0, "sha256", value="0" * 64)), "ODB-B-010"),
    "a kind in the list": ("data/models.json", edited(put("models", 0, "packed", value=False)), "ODB-B-010"),
    "the list of inputs": ("data/inputs.json", lambda data: b'{"inputs": [{"model": "x"}]}', "ODB-B-011"),
    "the environment": ("data/environment.json", lambda data: data.replace(b'"ac"', b'"battery"'), "ODB-B-012"),
    "the suite": ("data/suite.toml", lambda data: data.replace(b"repeats = 6", b"repeats = 9"), "ODB-B-012"),
    "a dossier": ("data/dossier/dossier.ko.html", lambda data: data.replace(b"4", b"3", 1), "ODB-B-017"),
    "the crate": ("data/ro-crate-metadata.json", lambda data: data.replace(b"net.onnx", b"not.onnx"), "ODB-B-018"),
    "words in the crate": (
        "data/ro-crate-metadata.json",
        lambda data: data.replace(b"Licence", b"License"),
        "ODB-B-018",
    ),
    "the bag's facts": ("bag-info.txt", lambda data: data.replace(b"2026-05-02", b"2026-05-09"), "ODB-B-019"),
    "the declaration": ("bagit.txt", lambda data: data.replace(b"1.0", b"0.9"), "ODB-B-004"),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_is_forged_is_refused(what: str, packed: Path, tmp_path: Path) -> None:
    """By the rule about it, although the archive and both manifests fit."""
    name, change, rule = FORGED[what]
    with changed(packed, name, change) as files:
        rules = failed(verified(write_files(tmp_path / "c.zip", files)))
    assert rule in rules
    assert not {"ODB-B-001", "ODB-B-005", "ODB-B-006"} & {*rules}


def test_a_figure_is_named_with_both_values(packed: Path, tmp_path: Path) -> None:
    with changed(packed, *FORGED["a decision"][:2]) as files:
        found = verified(write_files(tmp_path / "c.zip", files))
    (told,) = [one for one in found.findings if one.rule == "ODB-B-013"]
    assert told.where == "data/assessment.json: criteria[0].decision.word"
    assert str(told.told) == 'states "met"; computed again: "cannot_tell"'


def test_files_too_many_or_missing(packed: Path, tmp_path: Path) -> None:
    """Each with the manifests made anew: what has no place is named, and what is missing."""
    files = files_of(packed)
    top = next(iter(files)).partition("/")[0]
    for name in ("data/x", "x", "data/records/r1/x", "data/records/x", "data/dossier/a/b", "attestations/x"):
        assert "ODB-B-004" in failed(
            verified(write_files(tmp_path / "c.zip", listed_anew({**files, f"{top}/{name}": b""})))
        )
    for name, rule in (("data/models/x", "ODB-B-010"), ("data/inputs/x", "ODB-B-011"), ("data/dossier/x", "ODB-B-017")):
        more = listed_anew({**files, f"{top}/{name}": b""})
        assert rule in failed(verified(write_files(tmp_path / "c.zip", more)))
    for name in files:
        fewer = {one: data for one, data in files.items() if one != name}
        found = failed(verified(write_files(tmp_path / "c.zip", fewer)))
        assert found, name
        if name.endswith(("manifest-sha256.txt", "bagit.txt")):
            continue
        assert failed(verified(write_files(tmp_path / "c.zip", listed_anew(fewer)))), name


def test_another_top_name_is_refused(packed: Path, tmp_path: Path) -> None:
    files = {f"other/{name.partition('/')[2]}": data for name, data in files_of(packed).items()}
    assert failed(verified(write_files(tmp_path / "c.zip", listed_anew(files)))) == ["ODB-B-019"]


def test_a_record_left_out_changes_what_is_decided(packed: Path, tmp_path: Path) -> None:
    """The worse of two records removed, with everything listed anew."""
    files = {name: data for name, data in files_of(packed).items() if "/r2/" not in name}
    assert {"ODB-B-013", "ODB-B-015", "ODB-B-018"} <= {
        *failed(verified(write_files(tmp_path / "c.zip", listed_anew(files))))
    }


def test_the_dossier_of_another_version_is_not_judged(packed: Path, tmp_path: Path) -> None:
    """It says so; figures and decisions are still computed."""
    with changed(packed, "data/assessment.json", edited(put("tool", "version", value="9.9"))) as files:
        found = verified(write_files(tmp_path / "c.zip", files))
    states = {one.rule: one.state for one in found.results}
    assert (states["ODB-B-017"], states["ODB-B-013"]) == ("skipped", "ok")
    assert "9.9" in str(next(one.note for one in found.results if one.rule == "ODB-B-017"))


def test_records_of_another_version_may_state_other_figures(tmp_path: Path) -> None:
    """Other rules may explain it. What is decided is computed again all the same, and the difference is told."""
    folder = write_submission(tmp_path / "s")
    add_record(folder, "r3", 4_000_000, tool=Tool("ondevice-bench", "0"))
    record = folder / "records" / "r3" / "record.json"
    record.write_bytes(resealed(put("summary", "latency_ns", "p50", value=4_000_001))(record.read_bytes()))
    assert failed(verified(write_packed(folder, tmp_path / "a.zip"))) == []
    record.write_bytes(resealed(put("summary", "latency_ns", "p50", value=4_001_001))(record.read_bytes()))
    found = verified(write_packed(folder, tmp_path / "b.zip"))
    (figures,) = [one for one in found.results if one.rule == "ODB-B-009"]
    assert (failed(found), figures.state) == ([], "skipped")
    assert "r3" in str(figures.note)


def test_models_that_were_not_unpacked(packed: Path, tmp_path: Path) -> None:
    """A single file's hash is known from the archive."""
    with open_bundle(packed, with_models=False) as bundle:
        assert failed(verify(bundle, render=dossier)) == []


def test_without_a_model_it_is_verified(packed: Path, tmp_path: Path) -> None:
    bundle = write_packed(packed.parent / "s", tmp_path / "b.zip", with_models=False)
    assert failed(verified(bundle)) == []
    with changed(bundle, *FORGED["the list of models"][:2]) as files:
        assert "ODB-B-010" in failed(verified(write_files(tmp_path / "c.zip", files)))


def test_blind_bundles_and_those_with_inputs_are_verified(packed: Path, tmp_path: Path) -> None:
    assert failed(verified(write_packed(packed.parent / "s", tmp_path / "b.zip", blind=True))) == []
    model = SubmittedModel("net", "net.onnx", inputs={"x": "in.npy"}, dataset="pictures", reference="float.onnx")
    folder = write_submission(tmp_path / "s", submission(models=(model,)))
    (folder / "in.npy").write_bytes(b"1")
    (folder / "float.onnx").write_bytes(b"2")
    bundle = write_packed(folder, tmp_path / "i.zip")
    assert failed(verified(bundle)) == []
    for name in ("data/inputs/net/in.npy", "data/models/net/reference/float.onnx"):
        with changed(bundle, name, lambda data: b"3") as files:
            assert {"ODB-B-010", "ODB-B-011"} & {*failed(verified(write_files(tmp_path / "c.zip", files)))}


def test_a_reference_of_several_files_is_packed_whole(tmp_path: Path) -> None:
    """A folder with a checkpoint, as `--reference` takes it; none of its files may be another, or missing."""
    model = SubmittedModel("net", "net.onnx", reference="floats")
    folder = write_submission(tmp_path / "s", submission(models=(model,)))
    (folder / "floats").mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / "floats" / name).write_bytes(name.encode())
    bundle = write_packed(folder, tmp_path / "i.zip")
    assert failed(verified(bundle)) == []
    for name in ("config.json", "model.safetensors"):
        with changed(bundle, f"data/models/net/reference/floats/{name}", lambda data: b"3") as files:
            assert "ODB-B-010" in failed(verified(write_files(tmp_path / "c.zip", files)))
    assert failed(verified(write_packed(folder, tmp_path / "w.zip", with_models=False))) == []


def test_a_track_of_the_users_own(tmp_path: Path) -> None:
    """It is packed under a fixed name, without what stands in its comments, and judged by."""
    folder = write_submission(tmp_path / "s", submission(track="mine.toml"))
    own = replace(track_named("inspection-drone"), id="my-drone")
    (folder / "mine.toml").write_bytes(toml_bytes(own) + b"# a comment\n")
    bundle = write_packed(folder, tmp_path / "b.zip")
    found = verified(bundle)
    assert failed(found) == []
    assert found.name == "my-drone-bridge-inspection"
    assert b"a comment" not in bundle.read_bytes()
    assert found.judged is not None
    assert found.judged.assessment.submission.track == "track.toml"


def test_models_without_files(tmp_path: Path) -> None:
    """Built-in ones, and one whose file is not there: the bundle says so, and nothing of its path goes in."""
    models = (SubmittedModel("net", "net.onnx"), SubmittedModel("in", "resnet50"), SubmittedModel("no", "/a/b/no.onnx"))
    bundle = write_packed(write_submission(tmp_path / "s", submission(models=models)), tmp_path / "b.zip")
    assert failed(verified(bundle)) == []
    assert b"/a/b" not in bundle.read_bytes()
    kinds = json.loads(next(d for n, d in files_of(bundle).items() if n.endswith("models.json")))["models"]
    assert [one["kind"] for one in kinds] == ["file", "built_in", "missing"]
