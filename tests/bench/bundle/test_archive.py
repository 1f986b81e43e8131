"""A bundle's archive: one content has one archive, and every other file is refused."""

import io
import os
import zipfile
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.bundle import open_bundle, zip_format
from bench.bundle.archive import contents, measured, members_in, write_archive
from bench.bundle.names import colliding, wrong_name
from bench.bundle.refused import RefusedBundle
from bench.errors import InputError

SMALL = {
    "top/bagit.txt": b"BagIt-Version: 1.0\n",
    "top/data/records/r1/record.json": b"{}" * 40,
    "top/data/한글 이름.txt": "가나다".encode(),
    "top/manifest-sha256.txt": b"x",
}


def archive(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    write_archive(stream, {name: measured(content) for name, content in files.items()})
    return stream.getvalue()


def rule_of(path: Path) -> str:
    """The rule by which the bundle at ``path`` is refused."""
    with pytest.raises(RefusedBundle) as caught, open_bundle(path):
        pass
    assert caught.value.finding.rule in caught.value.message
    return caught.value.finding.rule


def rule_for(data: bytes) -> str:
    """The rule by which the bytes of an archive are refused, without writing any file; empty where they are not."""
    stream = io.BytesIO(data)
    try:
        for _, chunks in contents(stream, members_in(stream)):
            deque(chunks, 0)
    except RefusedBundle as error:
        return error.finding.rule
    return ""


def opened(path: Path) -> dict[str, bytes]:
    with open_bundle(path) as bundle:
        assert {*bundle.files} == {f.relative_to(bundle.folder).as_posix() for f in bundle.folder.rglob("*.*")}
        return {name: (bundle.folder / name).read_bytes() for name in bundle.files}


def test_every_zip_program_reads_it(tmp_path: Path) -> None:
    """Names, content and checksums, by Python's own reader."""
    data = archive(SMALL)
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        assert found.testzip() is None
        assert {info.filename: found.read(info) for info in found.infolist()} == SMALL
        assert {(info.date_time, info.compress_type) for info in found.infolist()} == {((1980, 1, 1, 0, 0, 0), 0)}
    (tmp_path / "b.zip").write_bytes(data)
    assert opened(tmp_path / "b.zip") == {name.removeprefix("top/"): content for name, content in SMALL.items()}


def test_large_sizes_are_written_as_zip64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the limits lowered, so that this needs no four gigabytes: sizes, offsets and the count in zip64 fields."""
    monkeypatch.setattr(zip_format, "LARGEST", 60)
    monkeypatch.setattr(zip_format, "MOST_MEMBERS", 3)
    data = archive(SMALL)
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        assert found.testzip() is None
        assert {info.filename: found.read(info) for info in found.infolist()} == SMALL
    (tmp_path / "b.zip").write_bytes(data)
    assert len(opened(tmp_path / "b.zip")) == len(SMALL)
    assert rule_for(data) == ""
    for at in range(len(data)):
        assert rule_for(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def test_every_byte_counts(tmp_path: Path) -> None:
    """Whichever byte is changed, the archive is refused."""
    data = archive(SMALL)
    assert rule_for(data) == ""
    for at in range(len(data)):
        for mask in (1, 0x80):
            rule = rule_for(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :])
            assert rule in ("ODB-B-001", "ODB-B-002", "ODB-B-003"), at


def test_what_is_cut_or_appended_is_refused(tmp_path: Path) -> None:
    """Every shorter file is refused or no bundle at all; and every file with something before or after it."""
    data, path = archive(SMALL), tmp_path / "b.zip"
    for length in range(len(data)):
        assert rule_for(data[:length])
    for length in range(0, len(data), 50):
        path.write_bytes(data[:length])
        with pytest.raises((RefusedBundle, InputError)), open_bundle(path):
            pass
    for changed in (data + b"\0", b"\0" + data, data + data, data[:-22] + b"\0" + data[-22:]):
        path.write_bytes(changed)
        assert rule_of(path) == "ODB-B-001"


def zipped(**members: bytes) -> bytes:
    """As another program would write it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return stream.getvalue()


def test_what_another_program_zipped_is_refused(tmp_path: Path) -> None:
    """Compressed members, so bombs too, and times; the folder that it unpacks to is taken."""
    (tmp_path / "b.zip").write_bytes(zipped(**SMALL))
    assert rule_of(tmp_path / "b.zip") == "ODB-B-001"
    with zipfile.ZipFile(tmp_path / "b.zip") as found:
        found.extractall(tmp_path)
    assert len(opened(tmp_path / "top")) == len(SMALL)


@pytest.mark.parametrize(
    "name",
    [
        *("../x", "top/../../x", "/etc/x", "top//x", "top/./x", "top\\x", "C:/x", "top/con.txt", "top/a.", "top/ a"),
        *("top/a\x00b", "top/a\nb", "top/a\u202eb", "top/e\u0301", "top/" + "x" * 256, "top/" + "d/" * 20 + "x"),
        *("top/a%0Ab", "top/a|b", "top/aux", "top/COM1.txt"),
    ],
)
def test_names_that_lead_out_or_mislead_are_refused(name: str, tmp_path: Path) -> None:
    """By pack as by verify."""
    assert wrong_name(name) is not None
    (tmp_path / "b.zip").write_bytes(archive(SMALL | {name: b""}))
    assert rule_of(tmp_path / "b.zip") == "ODB-B-002"
    assert [path.name for path in tmp_path.iterdir()] == ["b.zip"]


@pytest.mark.parametrize(
    "names",
    [
        ("t/a", "t/A"),
        ("t/a/b", "t/A/c"),
        ("t/a", "t/a/b"),
        ("t/a/b", "t/A"),
        ("t/\u00c5", "t/\u212b"),
        ("t/ſ", "t/s"),
        ("t/ﬁ", "t/fi"),
        ("t/x", "t/x"),
    ],
)
def test_names_that_some_system_does_not_keep_apart(names: tuple[str, str], tmp_path: Path) -> None:
    assert colliding(names) is not None
    assert colliding(reversed(names)) is not None
    if names[0] != names[1]:
        (tmp_path / "b.zip").write_bytes(archive(dict.fromkeys(names, b"") | {"t/bagit.txt": b""}))
        assert rule_of(tmp_path / "b.zip") == "ODB-B-002"


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    """Such an archive shows one content to one program and another to the next."""
    members = [zip_format.Member(name, 0, 0) for name in ("t/bagit.txt", "t/x", "t/x")]
    data = b"".join(zip_format.local_header(member) for member in members) + zip_format.directory(members)
    (tmp_path / "b.zip").write_bytes(data)
    assert rule_of(tmp_path / "b.zip") == "ODB-B-002"


def test_good_names_are_kept_apart() -> None:
    assert colliding(SMALL) is None
    assert [wrong_name(name) for name in SMALL] == [None] * len(SMALL)


def test_there_is_one_folder_at_the_top(tmp_path: Path) -> None:
    for files in ({"a/bagit.txt": b"", "b/x": b""}, {"bagit.txt": b""}):
        (tmp_path / "b.zip").write_bytes(archive(files))
        assert rule_of(tmp_path / "b.zip") == "ODB-B-002"


def test_a_directory_that_declares_more_than_there_is(tmp_path: Path) -> None:
    """Huge counts, sizes and offsets are refused without reading or making room for them."""
    data = archive(SMALL)
    for count, size, offset in ((0xFFFE, 46, 0), (1, 0xFFFFFFF0, 0), (1, 46, 0xFFFFFFF0), (0, 0, 0)):
        end = zip_format.END.pack(b"PK\5\6", 0, 0, count, count, size, offset, 0)
        (tmp_path / "b.zip").write_bytes(data[:-22] + end)
        assert rule_of(tmp_path / "b.zip") in ("ODB-B-001", "ODB-B-003")
    far = zip_format.END_64.pack(b"PK\6\6", 44, 0, 0, 0, 0, 1 << 60, 1 << 60, 1 << 62, 1 << 62)
    far += zip_format.LOCATOR.pack(b"PK\6\7", 0, 1 << 62, 1)
    (tmp_path / "b.zip").write_bytes(data[:-22] + far + zip_format.end(0xFFFF, 0, 0)[-22:])
    assert rule_of(tmp_path / "b.zip") == "ODB-B-003"


@given(st.data())
def test_no_other_bytes_are_taken(data: st.DataObject) -> None:
    """Spliced, doubled, cut and overwritten anywhere: an archive that is read is the one that was written."""
    whole = archive(SMALL)
    begin, end_ = sorted(data.draw(st.tuples(st.integers(0, len(whole)), st.integers(0, len(whole)))))
    middle = data.draw(st.one_of(st.binary(max_size=40), st.just(whole[begin:end_] * 2), st.just(b"")))
    changed = whole[:begin] + middle + whole[end_:]
    assert (rule_for(changed) == "") == (changed == whole)


# ------------------------------------------------------------------------------------------------ unpacked bundles


def folder(path: Path) -> Path:
    for name, content in SMALL.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path / "top"


def test_links_in_a_folder_are_refused(tmp_path: Path) -> None:
    """To files, to folders, and to nothing; pipes too."""
    top = folder(tmp_path)
    for make in (
        lambda place: place.symlink_to("/etc/passwd"),
        lambda place: place.symlink_to("/etc"),
        lambda place: place.symlink_to("nothing"),
        os.mkfifo,
    ):
        make(top / "data" / "x")
        assert rule_of(top) == "ODB-B-002"
        (top / "data" / "x").unlink()
    assert opened(top)


def test_models_are_copied_only_when_asked_for(tmp_path: Path) -> None:
    """Their hashes are known either way."""
    path = tmp_path / "b.zip"
    path.write_bytes(archive(SMALL | {"top/data/models/m/net.onnx": b"weights"}))
    with open_bundle(path, with_models=False) as bundle:
        assert not (bundle.data / "models").exists()
        assert bundle.files["data/models/m/net.onnx"].size_bytes == 7
        assert bundle.sha256 == bundle.files["manifest-sha256.txt"].sha256
        kept = bundle.folder
    assert not kept.exists()


def test_parts_of_a_model_are_copied_where_their_hash_needs_them(tmp_path: Path) -> None:
    """Of a model of one file the manifest has the hash."""
    names = ("data/models/one/a.onnx", "data/models/two/a.onnx", "data/models/two/a.bin")
    path = tmp_path / "b.zip"
    path.write_bytes(archive(SMALL | {f"top/{name}": b"x" for name in names}))
    with open_bundle(path, with_models=False, with_parts=True) as bundle:
        assert [(bundle.folder / name).exists() for name in names] == [False, True, True]


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4", zipped(**{"word/document.xml": b"x"}), os.urandom(999)])
def test_other_files_are_no_bundles(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(content)
    for path in (tmp_path / "b.zip", tmp_path, tmp_path / "none"):
        with pytest.raises(InputError), open_bundle(path):
            pass


def test_nothing_large_is_made_for_small_files(tmp_path: Path) -> None:
    """A name or a member that declares more than the archive has is refused while reading, in the space of a chunk."""
    member = zip_format.Member("t/bagit.txt", 1 << 33, 0)
    data = zip_format.local_header(member) + b"x" * np.random.default_rng(1).integers(10, 99)
    (tmp_path / "b.zip").write_bytes(data + zip_format.directory([member]))
    assert rule_of(tmp_path / "b.zip") == "ODB-B-001"


def test_files_larger_than_any_records_are_refused_unread(tmp_path: Path) -> None:
    """Five gigabytes that take no room on the disk, in an archive that is right in every other way."""
    members = [zip_format.Member("t/bagit.txt", 5 << 30, 0), zip_format.Member("t/manifest-sha256.txt", 0, 0)]
    *_, second, end_ = zip_format.offsets(members)
    with (tmp_path / "b.zip").open("wb") as stream:
        stream.write(zip_format.local_header(members[0]))
        stream.seek(second)
        stream.write(zip_format.local_header(members[1]))
        assert stream.tell() == end_
        stream.write(zip_format.directory(members))
    assert rule_of(tmp_path / "b.zip") == "ODB-B-003"
