"""Files that somebody sent: what would cost time or memory is refused before it does."""

import ast
import hashlib
import io
import json
import os
import sys
import tracemalloc
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bench.errors import InputError
from bench.reading import (
    arrays_in,
    exists,
    is_file,
    is_folder,
    json_of,
    read_bytes,
    read_object,
    read_text,
    refuse_deep_keys,
)
from bench.record.codec import encode, sealed
from bench.record.record import SamplesFile
from bench.store.records import load, save
from bench.testing.records import fake_run

posix = pytest.mark.skipif(sys.platform == "win32", reason="named pipes and /dev are POSIX")


def with_samples(folder: Path, data: bytes) -> Path:
    """A sealed record whose samples are these bytes."""
    run = fake_run("a", [np.full(20, 5_000)])
    saved = save(folder, run.record, run.samples)
    facts = SamplesFile("samples.npz", hashlib.sha256(data).hexdigest(), len(data))
    (folder / "a" / "samples.npz").write_bytes(data)
    (folder / "a" / "record.json").write_bytes(encode(sealed(replace(saved, samples_file=facts))))
    return folder / "a"


def archive(members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return out.getvalue()


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


@posix
class TestWhatIsNoFile:
    """A pipe or a device is refused at once, by its name, and not waited for."""

    @pytest.mark.parametrize("name", ["record.json", "samples.npz"])
    def test_a_pipe(self, tmp_path: Path, name: str) -> None:
        run = fake_run("a", [np.full(20, 5_000)])
        save(tmp_path, run.record, run.samples)
        (tmp_path / "a" / name).unlink()
        os.mkfifo(tmp_path / "a" / name)
        with pytest.raises(InputError, match=f"{name}: cannot be read: it is a pipe or a device"):
            load(tmp_path / "a")

    def test_a_device(self, tmp_path: Path) -> None:
        (tmp_path / "record.json").symlink_to("/dev/zero")
        with pytest.raises(InputError, match=r"record.json: cannot be read: it is a pipe or a device"):
            load(tmp_path)

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="it is a folder"):
            read_bytes(tmp_path)


class TestNames:
    @pytest.mark.parametrize("name", ["x" * 300, "a\0b", "net\udcff"])
    def test_what_no_file_can_be_called(self, tmp_path: Path, name: str) -> None:
        """Is no file and no folder, and reading it is an error with a sentence."""
        assert (False, False) == (is_file(tmp_path / name), is_folder(tmp_path / name))
        with pytest.raises(InputError, match="cannot be read"):
            read_bytes(tmp_path / name)


class TestText:
    def test_the_line_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "t").write_bytes(b"one\ntwo\xff")
        with pytest.raises(InputError, match=r"t: line 2: not UTF-8: byte 0xff"):
            read_text(tmp_path / "t")

    def test_half_a_character_of_utf_16_is_not_called_bad_utf_8(self, tmp_path: Path) -> None:
        (tmp_path / "t").write_bytes("one\n".encode("utf-16") + b"\x41")
        with pytest.raises(InputError, match=r"t: line 2: begins as UTF-16, but is not: byte 0x41"):
            read_text(tmp_path / "t")

    @pytest.mark.parametrize("data", [b'{"a": "\xcf"}', b"[" * 100_000, b"9" * 5_000, b"[18446744073709551616]"])
    def test_json_that_is_none(self, data: bytes) -> None:
        """Another encoding, a hundred thousand brackets, thousands of digits, more than 64 bits."""
        with pytest.raises(InputError, match=r"x\.json: "):
            json_of(data, "x.json")

    def test_a_large_file(self, tmp_path: Path) -> None:
        (tmp_path / "t").write_bytes(bytes(2000))
        with pytest.raises(InputError, match="it has 2,000 bytes, and such a file may have at most 1,000"):
            read_bytes(tmp_path / "t", 1000)


class TestArchives:
    """An archive of samples that lies is refused, and costs no more memory than it says it needs."""

    GOOD = np.full(20, 5_000)

    def refused(self, folder: Path, data: bytes) -> str:
        place = with_samples(folder, data)
        tracemalloc.start()
        with pytest.raises(InputError) as caught:
            load(place)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
        tracemalloc.stop()
        return caught.value.message

    def test_a_bomb(self, tmp_path: Path) -> None:
        """100 MB of zeros in 100 kB, where the record says 20 queries."""
        data = archive({"latency_ns_0.npy": npy(self.GOOD)[:128] + bytes(100 << 20), "start_ns_0.npy": npy(self.GOOD)})
        assert "latency_ns_0 would be 104,857,728 bytes" in self.refused(tmp_path, data)

    def test_a_bomb_that_no_repeat_names(self, tmp_path: Path) -> None:
        """It is not unpacked at all, and the record is read."""
        members = {"latency_ns_0.npy": npy(self.GOOD), "start_ns_0.npy": npy(np.arange(20) * 5_000)}
        place = with_samples(tmp_path, archive({**members, "other.npy": bytes(100 << 20)}))
        tracemalloc.start()
        assert {"latency_ns_0", "start_ns_0"} == set(load(place).samples)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
        tracemalloc.stop()

    @pytest.mark.parametrize("length", [2**40, 2**100, -1])
    def test_a_header_that_lies(self, tmp_path: Path, length: int) -> None:
        header = npy(self.GOOD).replace(b"(20,)", f"({length},)".encode())
        assert "is not an archive of arrays" in self.refused(tmp_path, archive({"latency_ns_0.npy": header}))

    @pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
    def test_another_packing(self, tmp_path: Path, packing: int) -> None:
        assert "packed in another way" in self.refused(tmp_path, archive({"latency_ns_0.npy": npy(self.GOOD)}, packing))

    def test_an_encrypted_member(self, tmp_path: Path) -> None:
        data = bytearray(archive({"latency_ns_0.npy": npy(self.GOOD)}))
        place = data.index(b"PK\x01\x02")
        data[place + 8] |= 1
        assert "encrypted" in self.refused(tmp_path, bytes(data))

    @pytest.mark.parametrize("data", [b"", b"no archive", npy(np.full(20, 5_000))])
    def test_no_archive(self, tmp_path: Path, data: bytes) -> None:
        assert "is not an archive of arrays" in self.refused(tmp_path, data)

    def test_objects_are_not_evaluated(self) -> None:
        """A header is matched, not evaluated."""
        member = npy(self.GOOD).replace(b"'<i8'", b"[('a', '<i8')]", 1)
        with pytest.raises(InputError, match="is not an array of plain numbers"):
            arrays_in(archive({"x.npy": member}), {"x": 10_000}, "s")


def test_many_queries_that_are_not_there(tmp_path: Path) -> None:
    """A record that asks for more samples than memory should hold is refused by its counts alone."""
    run = fake_run("a", [np.full(20, 5_000)])
    repeat = run.record.repeats[0]
    assert repeat.samples is not None
    forged = replace(repeat, samples=replace(repeat.samples, queries=10**12))
    save(tmp_path, replace(run.record, repeats=(forged,)), run.samples)
    with pytest.raises(InputError, match="its counts of queries need arrays of more than 268,435,456 bytes"):
        load(tmp_path / "a")


def test_configurations_are_read_as_python_writes_them(tmp_path: Path) -> None:
    """transformers writes Infinity into config.json, and 10^30 for "no limit"."""
    content = {"time_step_limit": [0.0, float("inf")], "model_max_length": 10**30}
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert content == read_object(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "config.json: not JSON: Expecting property name"),
        (b"[" * 200_000, "config.json: not JSON"),
        (b'{"a": %s}' % (b"9" * 5_000), "config.json: not JSON: Exceeds the limit"),
        (b'{"a": "\xff"}', "config.json: not JSON"),
        (b"[]", "config.json: is not a JSON object"),
    ],
)
def test_a_configuration_that_is_no_object_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    """And why."""
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_object(tmp_path / "config.json", "config.json")
    assert caught.value.message.startswith(message)


def test_whether_anything_is_there(tmp_path: Path) -> None:
    """A file or a folder; not under a name that nothing can have."""
    assert [True, False, False, False] == [
        exists(path) for path in (tmp_path, tmp_path / "no", tmp_path / ("n" * 5_000), Path("a\0b"))
    ]


def test_an_archive_that_lists_millions_is_refused_before_its_list_is_read() -> None:
    """Eight megabytes of entries would become objects of a hundred megabytes."""
    entry = b"PK\1\2" + bytes(42)
    count = 8 * 2**20 // len(entry)
    end = b"PK\5\6" + bytes(4) + b"\xff" * 4 + (count * len(entry)).to_bytes(4, "little") + bytes(6)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"x\.npz.*larger than"):
        arrays_in(entry * count + end, {"a": 8}, "x.npz")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 32 * 2**20


@pytest.mark.parametrize("part", ["a", '"a b"', "'a'"])
def test_a_key_of_very_many_parts_is_refused(part: str) -> None:
    """Python's reader would need hours for it."""
    with pytest.raises(InputError, match=r"x\.toml, line 2"):
        refuse_deep_keys("b = 1\n" + f"{part} . " * 100_000 + "a = 1", "x.toml")
    refuse_deep_keys("a.b.c = 'see 1.2.3 ... and ." + " ." * 500 + "'\n" + "x" * 10**6, "x.toml")


DECODERS = {"decode", "loads"}


def within(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """These and all in them, except what has a ``try`` of its own."""
    for node in nodes:
        if not isinstance(node, ast.Try):
            yield node
            yield from within(ast.iter_child_nodes(node))


def undefended(file: Path) -> list[int]:
    """The lines of ``try`` statements that decode something and do not name what decoders raise."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Try):
            continue
        called = [call.func for call in within(node.body) if isinstance(call, ast.Call)]
        decodes = any(
            isinstance(one, ast.Attribute)
            and one.attr in DECODERS
            and ast.unparse(one.value) in ("msgspec.json", "json", "tomllib")
            for one in called
        )
        caught = " ".join(ast.unparse(one.type) for one in node.handlers if one.type is not None)
        if decodes and "NOT_DECODED" not in caught and "Exception" not in caught:
            found.append(node.lineno)
    return found


def test_whoever_decodes_knows_all_that_decoders_raise() -> None:
    """A ``RecursionError`` is the one that is forgotten: it is what thousands of brackets raise."""
    root = Path(__file__).resolve().parents[2]
    files = [file for name in ("bench", "models", "targets", "reports") for file in (root / name).rglob("*.py")]
    assert {} == {file.name: lines for file in files if (lines := undefended(file))}
