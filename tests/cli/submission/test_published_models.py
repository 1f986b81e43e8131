"""Language models as they are published, a GGUF file and a Hugging Face folder, from the measurement to the review:
packed, verified, measured again from the bundle with an altered copy, and compared with ``--against``."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result
from made_gguf import PLAIN, made_gguf
from msgspec.structs import replace
from published_folders import LLAMA, random_weights, write_folder

from bench.cli.run_command import command as run_command
from bench.cli.submission.check_command import command as check_command
from bench.cli.submission.pack_command import command as pack_command
from bench.cli.submission.reproduce_command import command as reproduce_command
from bench.cli.submission.verify_command import command as verify_command
from bench.store.records import load_records

pytestmark = [pytest.mark.real, pytest.mark.process]

FORM = """
format = 1
track = "notebook-it"
rules = 1
models = [
    { id = "file", source = "models/tiny.gguf", licence = "proprietary" },
    { id = "folder", source = "models/Small", licence = "proprietary" },
]
targets = [{ id = "ort:cpu" }]

[[criteria]]
id = "tokens"
model = "folder"
title = { ko = "토큰", en = "Tokens" }
metric = "summary.text_generation.agreement.tokens_equal_share"
direction = "at_least"
target = 50
unit = "%"
weight = 100
"""
QUICK = ("--repeats", "1", "--max-seconds", "0.1")


def odb(command: Any, *arguments: Any) -> Result:
    done = CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False)
    assert done.exception is None, done.output
    return done


class Claim(NamedTuple):
    folder: Path
    bundle: Path


@pytest.fixture(scope="module")
def claim(tmp_path_factory: pytest.TempPathFactory) -> Claim:
    """A submission of both, measured and packed."""
    pytest.importorskip("onnxruntime")
    room = tmp_path_factory.mktemp("room")
    folder = room / "claim"
    (folder / "models").mkdir(parents=True)
    made_gguf(folder / "models", config=replace(PLAIN, context=128), kind="Q4_1")
    write_folder(folder / "models" / "Small", LLAMA, random_weights(LLAMA), "bfloat16")
    (folder / "submission.toml").write_text(FORM, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ODB_CACHE", str(room / "cache"))
        models = ("-m", folder / "models" / "tiny.gguf", "-m", folder / "models" / "Small")
        odb(run_command, *models, "-t", "ort:cpu", "-p", "8", "-n", "8", *QUICK, "-o", folder / "records")
        odb(pack_command, folder, "-o", room / "claim.zip", "--despite-rejections")
    return Claim(folder, room / "claim.zip")


def test_the_rules_find_both_models(claim: Claim) -> None:
    """``odb check`` says nothing against their files but that no criterion is about one, and ``odb verify`` nothing
    against the bundle."""
    found = json.loads(odb(check_command, claim.folder, "--json").output)
    about = ("models", "records.model")
    assert ["ODB-S-110"] == [one["rule"] for one in found["findings"] if one["clause"] in about]
    done = odb(verify_command, claim.bundle, "--json")
    assert (0, True) == (done.return_value, json.loads(done.output)["verified"])


def test_a_folder_is_measured_again_from_the_bundle_and_audited(
    claim: Claim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are found in the bundle; a copy with permuted weights, compared with the folder, gives other tokens."""
    monkeypatch.setenv("ODB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    odb(reproduce_command, claim.bundle, "--altered", "-o", "again")
    found = json.loads(Path("again", "reproduction.json").read_bytes())
    assert ["reproduced"] == [one["word"] for one in found["answers"]]
    assert [True] == [one["answers_differ"] for one in found["audits"]]


def test_a_record_of_a_file_is_the_base_of_another_precision(
    claim: Claim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both sides are made of the file that the record names."""
    monkeypatch.setenv("ODB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(claim.folder / "models")
    (base,) = (run for run in load_records(claim.folder / "records") if run.record.plan.model.id == "tiny")
    record = claim.folder / "records" / base.record.record_id
    given = ("--precision", "float32", "--repeats", "1", "--max-seconds", "0.1", "-o", tmp_path / "out")
    odb(run_command, "--against", record, *given)
    (new,) = load_records(tmp_path / "out" / "new")
    assert ("float32", "int4") == (new.record.plan.model.precision, base.record.plan.model.precision)
    assert base.record.plan.model.source == new.record.plan.model.source
