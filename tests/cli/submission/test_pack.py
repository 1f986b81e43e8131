"""``odb pack`` and ``odb verify`` at the command line."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from forged_bundles import edited, put
from made_bundles import changed, criterion, files_of, submission, write_files, write_submission
from made_gguf import made_gguf

from bench.bundle.packing import Rejected
from bench.cli.submission.pack_command import command as pack_command
from bench.cli.submission.pack_command import files_of as files_read
from bench.cli.submission.verify_command import command as verify_command
from bench.errors import InputError
from bench.plugins import discover
from bench.submission.form import SubmittedModel
from bench.words import speaking


def odb(command: Any, *arguments: Any) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False)


def pack(*arguments: Any) -> Result:
    return odb(pack_command, *arguments)


def verify(*arguments: Any) -> Result:
    return odb(verify_command, *arguments)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a submission ``s`` and its bundle ``b.zip``, with real dossiers."""
    folder = tmp_path_factory.mktemp("pack")
    write_submission(folder / "s")
    done = pack(folder / "s", "-o", folder / "b.zip")
    assert (done.exception, done.return_value) == (None, 0)
    return folder


def test_datasets_are_packed_on_request(tmp_path: Path) -> None:
    """How many files and how large they are is said before, in a line of the list."""
    model = SubmittedModel("net", "net.onnx", licence="MIT", dataset="texts")
    folder = write_submission(tmp_path / "s", submission(models=(model,)))
    (folder / "texts").mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / "texts" / name).write_text("a text of twenty-two B")
    (folder / "texts" / "notes.md").write_text("not packed")
    listed = pack(folder, "--with-data", "--dry-run")
    assert (listed.exception, listed.return_value) == (None, 0)
    assert "odb: inputs/net/texts: 2 files of data with 44 B are packed." in listed.stderr
    (line,) = [line for line in listed.stdout.splitlines() if "inputs/net/texts" in line]
    assert line.split()[-2:] == ["(2)", "44"]
    done = pack(folder, "--with-data", "-o", tmp_path / "b.zip", "--json")
    names = [one["name"].partition("/data/inputs/")[2] for one in json.loads(done.stdout)["files"]]
    assert sorted(filter(None, names)) == ["net/texts/a.txt", "net/texts/b.txt"]
    assert verify(tmp_path / "b.zip").return_value == 0
    assert not any("inputs/net" in name for name in files_of_packed(folder, tmp_path / "c.zip"))


def files_of_packed(folder: Path, file: Path) -> list[str]:
    assert pack(folder, "-o", file).return_value == 0
    return [*files_of(file)]


def test_what_is_packed_is_verified(made: Path) -> None:
    """With the dossiers of the command, in both languages."""
    done = verify(made / "b.zip", "--json")
    assert (done.exception, done.return_value) == (None, 0)
    found = json.loads(done.stdout)
    assert found["verified"]
    assert {one["rule"]: one["state"] for one in found["rules"] if one["state"] != "ok"} == {"ODB-B-016": "skipped"}
    assert found["check"]["result"] in ("PASSED", "WARNED")
    assert [one["id"] for one in found["criteria"]] == ["p50-1", "size"]


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_forged_dossier_is_refused(made: Path, tmp_path: Path, language: str) -> None:
    """One digit of a page, with the manifests made anew, in any language of the reviewer."""
    name = f"data/dossier/dossier.{language}.html"
    with changed(made / "b.zip", name, lambda page: re.sub(rb"4\.0\d", b"1.01", page)) as files:
        write_files(tmp_path / "c.zip", files)
    for spoken in ("ko", "en"):
        with speaking(spoken):
            done = verify(tmp_path / "c.zip")
        assert done.return_value == 1
        assert f"ODB-B-017  {'실패' if spoken == 'ko' else 'failed'}" in done.stdout


def test_a_refused_bundle(made: Path, tmp_path: Path) -> None:
    """Status 1, the rule with both values, and JUnit with one failure a rule."""
    change = edited(put("criteria", 0, "decision", "word", value="not_met"))
    with changed(made / "b.zip", "data/assessment.json", change) as files:
        write_files(tmp_path / "c.zip", files)
    done = verify(tmp_path / "c.zip", "--junit", tmp_path / "j.xml")
    assert done.return_value == 1
    assert 'data/assessment.json: criteria[0].decision.word: states "not_met"' in " ".join(done.stdout.split())
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()[0]
    failing = [case.get("name", "")[:9] for case in suite.iter("testcase") if case.find("failure") is not None]
    assert "ODB-B-013" in failing
    assert suite.get("failures") == str(len(failing))


def test_hostile_text_does_nothing_at_the_terminal(made: Path, tmp_path: Path) -> None:
    """Control characters and changes of direction are shown nowhere; markup in XML is text."""
    hostile = "\x1b]0;x\x07\u202e</failure><script>"
    with changed(
        made / "b.zip", "data/assessment.json", edited(lambda value: value.update({hostile: hostile}))
    ) as files:
        write_files(tmp_path / "c.zip", files)
    for flag in ((), ("--json",)):
        done = verify(tmp_path / "c.zip", "--junit", tmp_path / "j.xml", "--force", *flag)
        assert done.return_value == 1
        assert not set("\x1b\x07\u202e") & set(done.stdout)
    assert ElementTree.parse(tmp_path / "j.xml").getroot().tag == "testsuites"


def test_a_cut_bundle_and_no_bundle(made: Path, tmp_path: Path) -> None:
    """1 and 2."""
    (tmp_path / "c.zip").write_bytes((made / "b.zip").read_bytes()[:-1])
    done = verify(tmp_path / "c.zip", "--json")
    assert done.return_value == 1
    assert {one["rule"] for one in json.loads(done.stdout)["rules"] if one["state"] == "failed"} == {"ODB-B-001"}
    (tmp_path / "d.zip").write_bytes(b"hello")
    for other in (tmp_path / "d.zip", tmp_path / "none", tmp_path):
        assert isinstance(verify(other).exception, InputError)


def test_a_key_that_is_none_is_bad_usage(made: Path, tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_text("no key")
    assert isinstance(verify(made / "b.zip", "--key", tmp_path / "k.pem").exception, InputError)


def test_a_dry_run_writes_nothing(made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It lists what a pack writes, with the sizes."""
    monkeypatch.chdir(tmp_path)
    listed = json.loads(pack(made / "s", "--dry-run", "--json").stdout)
    assert [*tmp_path.iterdir()] == []
    assert {one["name"]: one["size_bytes"] for one in listed["files"]} == {
        name: len(data) for name, data in files_of(made / "b.zip").items()
    }
    assert listed["file"] is None


def test_without_a_name_the_bundle_has_the_submissions(
    made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = pack(made / "s", "--json")
    assert json.loads(done.stdout)["file"] == "inspection-drone-bridge-inspection.zip"
    assert Path("inspection-drone-bridge-inspection.zip").read_bytes() == (made / "b.zip").read_bytes()


def test_nothing_is_overwritten(made: Path, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(b"mine")
    assert isinstance(pack(made / "s", "-o", tmp_path / "b.zip").exception, InputError)
    assert (tmp_path / "b.zip").read_bytes() == b"mine"
    assert pack(made / "s", "-o", tmp_path / "b.zip", "--force").return_value == 0
    assert (tmp_path / "b.zip").read_bytes() == (made / "b.zip").read_bytes()


def test_what_check_rejects(tmp_path: Path) -> None:
    """Status 1; with --despite-rejections it is packed, and verified as what failed."""
    folder = write_submission(tmp_path / "s", submission(criteria=(criterion(1, weight=30.0),)))
    refused = pack(folder, "-o", tmp_path / "b.zip").exception
    assert isinstance(refused, Rejected)
    assert refused.exit_status == 1
    done = pack(folder, "-o", tmp_path / "b.zip", "--despite-rejections")
    assert done.return_value == 0
    assert "rejected by 1 rules" in done.stdout
    found = json.loads(verify(tmp_path / "b.zip", "--json").stdout)
    assert (found["verified"], found["check"]["result"]) == (True, "FAILED")


@pytest.mark.parametrize("flag", ["--blind", "--without-model"])
def test_other_bundles_are_verified(made: Path, tmp_path: Path, flag: str) -> None:
    done = pack(made / "s", "-o", tmp_path / "b.zip", flag)
    assert (done.exception, done.return_value) == (None, 0)
    assert verify(tmp_path / "b.zip").return_value == 0
    assert ("left out, because the bundle is blind" in done.stderr) == (flag == "--blind")


def external(folder: Path) -> Path:
    """An ONNX graph with its weights in a file beside it."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper

    weight = helper.make_tensor("w", TensorProto.FLOAT, [8, 8], np.ones(64, np.float32).tobytes(), raw=True)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save_model(model, folder / "net.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    return folder / "net.onnx"


def test_weights_in_other_files_are_packed(tmp_path: Path) -> None:
    """As the reader of the format finds them."""
    folder = write_submission(tmp_path / "s")
    external(folder)
    done = pack(folder, "-o", tmp_path / "b.zip", "--despite-rejections")
    assert (done.exception, done.return_value) == (None, 0)
    names = {name.partition("/models/")[2] for name in files_of(tmp_path / "b.zip")}
    assert {"net/net.onnx", "net/weights.bin"} <= names


@pytest.mark.parametrize("kind", ["onnx", "openvino_ir"])
def test_a_reference_is_packed_with_its_weights(tmp_path: Path, kind: str) -> None:
    """An ONNX graph with its weights in another file, and an IR with its ``.bin``; none of them may be another one."""
    model = SubmittedModel("net", "net.onnx", reference="float.xml" if kind == "openvino_ir" else "exact/net.onnx")
    folder = write_submission(tmp_path / "s", submission(models=(model,)))
    (folder / "exact").mkdir()
    graph = external(folder / "exact")
    wanted = {"net.onnx", "weights.bin"}
    if kind == "openvino_ir":
        openvino = pytest.importorskip("openvino")
        openvino.save_model(openvino.Core().read_model(graph), folder / "float.xml")
        wanted = {"float.xml", "float.bin"}
    done = pack(folder, "-o", tmp_path / "b.zip", "--despite-rejections")
    assert (done.exception, done.return_value) == (None, 0)
    assert verify(tmp_path / "b.zip").return_value == 0
    files = files_of(tmp_path / "b.zip")
    found = {name: name.partition("/models/net/reference/")[2] for name in files}
    assert wanted == {*found.values()} - {""}
    (weights,) = (name for name, inner in found.items() if inner.endswith(".bin"))
    write_files(tmp_path / "other.zip", files | {weights: files[weights][:-1] + b"!"})
    assert verify(tmp_path / "other.zip").return_value == 1


def test_of_a_gguf_file_the_file_is_packed_and_not_what_was_made_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever unpacks the bundle makes the graph himself."""
    monkeypatch.setenv("ODB_CACHE", str(tmp_path / "cache"))
    path = made_gguf(tmp_path).path
    assert (path,) == tuple(files_read(discover())(SubmittedModel("net", path.name), path))


def test_rules_are_those_of_the_page() -> None:
    """docs/bundle.md has every rule with its words."""
    from doc_pages import text_of

    from bench.bundle.rules import RULES

    page = text_of("bundle")
    for rule in RULES:
        assert f"| {rule.id} | `{rule.clause}` | {rule.title} | {rule.remedy} |" in page
    assert page.count("| ODB-B-") == len(RULES)
