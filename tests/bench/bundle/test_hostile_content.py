"""Hostile content of a bundle is refused; nothing of it runs, and nothing outside is read."""

import json
import random
import shutil
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from forged_bundles import RECORD, edited, failed, resealed, verified
from made_bundles import (
    changed,
    files_of,
    listed_anew,
    write_files,
    write_packed,
    write_submission,
)

from bench.bundle import open_bundle
from bench.words import say


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    return write_packed(write_submission(folder / "s"), folder / "b.zip")


MARKUP = "</td><script>alert(1)</script>\x1b]0;x\x07\u202e=HYPERLINK(1)\r\n"


@pytest.mark.parametrize("name", ["data/assessment.json", "data/models.json", "attestations/test-result.json", RECORD])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"{}",
        b"\xff\xfe{",
        b'{"criteria": 1' + b"0" * 5000 + b"}",
        json.dumps({"tool": {"version": "0.1.0"}, "criteria": {MARKUP: MARKUP}, MARKUP: [MARKUP]}).encode(),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_other_json_is_refused(name: str, content: bytes, packed: Path, tmp_path: Path) -> None:
    """Never a traceback; what is told is one line of printable text once it is cleaned."""
    with changed(packed, name, lambda _: content) as files:
        found = verified(write_files(tmp_path / "c.zip", files))
    assert failed(found)


def npz(**members: bytes) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(f"{name}.npy", content)
    return stream.getvalue()


def npy(array: Any, **options: Any) -> bytes:
    stream = BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


class Evil:
    """A pickle that would leave a file."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/odb-was-here"),))


HUGE = b"\x93NUMPY\1\0v\0" + b"{'descr': '<i8', 'fortran_order': False, 'shape': (1099511627776,), }".ljust(117) + b"\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\3\4",
        npz(latency_ns_0=npy(np.array([Evil()], dtype=object), allow_pickle=True)),
        npz(latency_ns_0=HUGE),
        npz(latency_ns_0=b"\0" * (64 << 20)),
        npz(),
        npz(latency_ns_0=npz(x=npy(np.zeros(3)))),
    ],
    ids=["empty", "begin", "pickle", "declares much", "bomb", "nothing", "nested"],
)
def test_hostile_samples_are_refused(content: bytes, packed: Path, tmp_path: Path) -> None:
    """With the hash in the record, its seal and the manifests made anew."""
    digest = __import__("hashlib").sha256(content).hexdigest()

    def change(record: Any) -> None:
        record["samples_file"] |= {"sha256": digest, "size_bytes": len(content)}

    with changed(packed, RECORD, resealed(change)) as files:
        sample = next(name for name in files if name.endswith("r2/samples.npz"))
        found = verified(write_files(tmp_path / "c.zip", listed_anew({**files, sample: content})))
    assert "ODB-B-008" in failed(found)
    assert not Path("/tmp/odb-was-here").exists()


def test_a_list_of_models_that_leads_outside_reads_nothing(packed: Path, tmp_path: Path) -> None:
    """Names in the lists are compared with the files of the bundle, and only those are opened."""
    (tmp_path / "outside").write_bytes(b"secret")
    outside = [{"name": name, "size_bytes": 6, "sha256": "0" * 64} for name in ("../../outside", "/etc/passwd")]

    def change(value: Any) -> None:
        value["models"][0] |= {"files": outside, "size_bytes": 12}

    with changed(packed, "data/models.json", edited(change)) as files:
        found = verified(write_files(tmp_path / "c.zip", files))
    assert "ODB-B-010" in failed(found)


def test_a_form_that_leads_outside_reads_nothing(packed: Path, tmp_path: Path) -> None:
    """Its paths are not followed."""
    for path in ("/etc/passwd", "../../../etc/passwd"):
        with changed(
            packed, "data/submission.toml", lambda d, p=path: d.replace(b"models/net/net.onnx", p.encode())
        ) as files:
            assert failed(verified(write_files(tmp_path / "c.zip", files)))


def test_mutations_of_a_bundle(packed: Path, tmp_path: Path) -> None:
    """Files swapped, cut, doubled and spliced, the manifests made anew: every one is refused, none is a traceback."""
    draw, files = random.Random(3), files_of(packed)
    names = [*files]
    for _ in range(25):
        name, other = draw.sample(names, 2)
        data = files[name]
        begin, end = sorted((draw.randrange(len(data) + 1), draw.randrange(len(data) + 1)))
        content = draw.choice(
            [
                files[other],
                data[:begin],
                data[:begin] + data[end:],
                data + data,
                data[:begin] + draw.randbytes(9) + data[end:],
            ]
        )
        if content == data:
            continue
        made = listed_anew({**files, name: content})
        if made == files:  # a manifest, made anew
            continue
        assert failed(verified(write_files(tmp_path / "c.zip", made))), name


def test_what_is_told_of_hostile_text_is_data(packed: Path, tmp_path: Path) -> None:
    """Findings hold it in figures, which every writer cleans."""
    with changed(packed, "data/assessment.json", edited(lambda value: value.update({MARKUP: MARKUP}))) as files:
        found = verified(write_files(tmp_path / "c.zip", files))
    (finding,) = [one for one in found.findings if one.rule == "ODB-B-013"]
    assert msgspec.json.encode(finding)
    assert say("bundle.refused", rule=finding.rule, where=finding.where, told=finding.told)


def test_the_scratch_folder_is_gone(packed: Path) -> None:
    with open_bundle(packed) as bundle:
        folder = bundle.folder
        assert folder.is_dir()
        assert folder.parent.stat().st_mode & 0o077 == 0
    assert not folder.exists()
    shutil.rmtree(folder, ignore_errors=True)
