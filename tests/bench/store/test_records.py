"""Records on disk: whole or not at all, and never over another."""

import hashlib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

import bench
from bench.analysis.verdict.judge import judge
from bench.errors import InputError
from bench.record.codec import check_seal, decode, encode, json_schema, sealed
from bench.record.inputs import PlannedModel
from bench.record.record import (
    SCHEMA_VERSION,
    Environment,
    PlannedTarget,
    PlanPart,
    Record,
    SamplesFile,
    Scenario,
    Tool,
)
from bench.store.derived import computed
from bench.store.records import load, load_records, new_record_id, prepare_folder, save, write_atomically
from bench.suite.presets import PRESETS
from bench.testing.records import fake_run

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "record-v2.json"


def record(record_id: str = "20260101T000000Z-net-ort-cpu-000000") -> Record:
    """The least that a record may be."""
    plan = PlanPart(
        PlannedModel("net", "tensor"),
        PlannedTarget("ort:cpu", "ort", "cpu"),
        Scenario("single-stream"),
        "quick",
        PRESETS["quick"].rule,
        0,
        1,
    )
    return Record(
        SCHEMA_VERSION,
        record_id,
        "2026-01-01T00:00:00+00:00",
        "ok",
        Tool("ondevice-bench", "0.1.0"),
        plan,
        Environment(host={"cpu": "test"}),
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """A record and its samples come back equal, with the verdict that they give."""
    run = fake_run("a", [np.full(20, 5)])
    saved = save(tmp_path, msgspec.structs.replace(computed(run.record, run.samples), verdict=judge(run)), run.samples)
    loaded = load(tmp_path / saved.record_id)
    assert saved == loaded.record
    assert [5] * 20 == loaded.samples["latency_ns_0"].tolist()
    assert () == loaded.corrections


class TestSeal:
    def test_every_field_is_under_it(self, tmp_path: Path) -> None:
        """Whichever line of the file is changed or taken out, reading it fails."""
        saved = save(tmp_path, record(), {"latency_ns_0": np.array([3, 1, 2], np.int64)})
        file = tmp_path / saved.record_id / "record.json"
        lines = file.read_bytes().splitlines()
        changed = [i for i, line in enumerate(lines) if b"null" in line]
        assert len(changed) > 10
        for i in changed:
            file.write_bytes(b"\n".join([*lines[:i], lines[i].replace(b"null", b'"x"'), *lines[i + 1 :]]))
            with pytest.raises(InputError, match=r"record.json"):
                load(file.parent)

    def test_layout_does_not_count(self, tmp_path: Path) -> None:
        """The same fields on one line, in another order, are the same record."""
        import json

        saved = save(tmp_path, record(), {})
        file = tmp_path / saved.record_id / "record.json"
        raw = json.loads(file.read_bytes())
        file.write_text(json.dumps(dict(reversed(raw.items()))))
        assert saved == replace(load(file.parent).record, verdict=None)

    def test_without_a_seal(self, tmp_path: Path) -> None:
        """A file of this schema without it was edited; one of schema 1 never had any."""
        with pytest.raises(InputError, match="record_sha256 is missing"):
            check_seal(encode(record()), "record.json")
        check_seal(encode(replace(record(), schema_version=1)), "record.json")

    def test_an_older_version_does_not_take_the_seal_off(self) -> None:
        """A sealed file that is made to say an older schema was edited."""
        relabelled = replace(sealed(record()), schema_version=1)
        with pytest.raises(InputError, match=r"schema_version 1 carries no record_sha256: the file was edited"):
            check_seal(encode(relabelled), "record.json")

    def test_a_forger_is_not_found(self) -> None:
        """Who computes the seal anew passes: it proves that a file is whole, not that it is true."""
        check_seal(encode(sealed(replace(record(), created_utc="1999-01-01T00:00:00+00:00"))), "record.json")


def test_a_record_is_never_overwritten(tmp_path: Path) -> None:
    """Saving the same id again is refused, and the first stays as it was."""
    save(tmp_path, record(), {})
    before = (tmp_path / record().record_id / "record.json").read_bytes()
    with pytest.raises(InputError, match="never overwritten"):
        save(tmp_path, record(), {"x": np.array([1])})
    assert before == (tmp_path / record().record_id / "record.json").read_bytes()
    assert [record().record_id] == [p.name for p in tmp_path.iterdir()]


def test_samples_of_another_run_are_refused(tmp_path: Path) -> None:
    """Samples whose hash is not the record's are not read."""
    saved = save(tmp_path, record(), {"latency_ns_0": np.array([1], np.int64)})
    np.savez(tmp_path / saved.record_id / "samples.npz", latency_ns_0=np.array([2]))
    with pytest.raises(InputError, match=r"its hash differs from samples_file.sha256"):
        load(tmp_path / saved.record_id)


def test_samples_that_are_no_archive_are_said(tmp_path: Path) -> None:
    """A samples file that was never one is named, whatever its hash."""
    saved = save(tmp_path, record(), {"latency_ns_0": np.array([1], np.int64)})
    file, folder = tmp_path / saved.record_id / "samples.npz", tmp_path / saved.record_id
    file.write_bytes(b"no archive")
    forged = replace(saved, samples_file=SamplesFile("samples.npz", hashlib.sha256(b"no archive").hexdigest(), 10))
    (folder / "record.json").write_bytes(encode(sealed(forged)))
    with pytest.raises(InputError, match=r"samples.npz: is not an archive of arrays"):
        load(folder)


def test_missing_samples_are_named(tmp_path: Path) -> None:
    """A record without its samples says which file is missing."""
    saved = save(tmp_path, record(), {"latency_ns_0": np.array([1], np.int64)})
    (tmp_path / saved.record_id / "samples.npz").unlink()
    with pytest.raises(InputError, match=r"samples.npz: cannot be read"):
        load(tmp_path / saved.record_id)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "record.json: not JSON"),
        (b"[]", "record.json: no schema_version"),
        (b'{"schema_version": 0}', "record.json: schema_version 0 never existed: the file was edited"),
        (b'{"schema_version": 99}', "record.json: schema_version 99 is newer than this tool's 2"),
        (encode(record()).replace(b'"seed": 0', b'"seed": "x"'), "Expected `int`, got `str` - at `$.plan.seed`"),
        (encode(record()).replace(b'"seed": 0', b'"sead": 0'), "sead"),
        (encode(record())[:200], "record.json: not JSON"),
    ],
)
def test_a_bad_record_names_file_and_field(data: bytes, message: str) -> None:
    """Truncated, edited, newer and foreign records are told apart."""
    with pytest.raises(InputError) as error:
        decode(data)
    assert message in error.value.message


def test_samples_may_not_lie_elsewhere(tmp_path: Path) -> None:
    """A record that points out of its folder is refused."""
    saved = save(tmp_path, record(), {"x": np.array([1])})
    file = tmp_path / saved.record_id / "record.json"
    assert saved.samples_file is not None
    elsewhere = replace(saved.samples_file, name="../samples.npz")
    file.write_bytes(encode(sealed(replace(saved, samples_file=elsewhere))))
    with pytest.raises(InputError, match="leaves the record's folder"):
        load(tmp_path / saved.record_id)


def test_a_folder_without_records_is_an_error(tmp_path: Path) -> None:
    """An empty folder and a missing one are said."""
    with pytest.raises(InputError, match="holds no records"):
        load_records(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        load_records(tmp_path / "gone")


def test_records_that_lie_deeper_are_pointed_at(tmp_path: Path) -> None:
    """The parent of results is not one: the newest of them is named, and how many more there are."""
    for folder in ("monday", "tuesday"):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder, record(f"20260101T000000Z-{folder}"), {})
    with pytest.raises(InputError, match="holds no records itself, but tuesday in it does and 1 more") as caught:
        load_records(tmp_path)
    assert f"for example {tmp_path / 'tuesday'}." in caught.value.remedy


def test_records_load_oldest_first(tmp_path: Path) -> None:
    """A folder of records is read in the order of their ids, which is that of time."""
    for name in ("20260102T000000Z-b", "20260101T000000Z-a"):
        save(tmp_path, record(name), {})
    assert ["20260101T000000Z-a", "20260102T000000Z-b"] == [r.record.record_id for r in load_records(tmp_path)]


def test_ids_sort_by_time_and_are_safe_names() -> None:
    """An id starts with the time and has nothing a file system minds."""
    first = new_record_id("my/../net", "openvino:HETERO:GPU,CPU", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert first.startswith("20260102T030405000Z-my-..-net-openvino-HETERO-GPU-CPU-")
    assert first != new_record_id("my/../net", "openvino:HETERO:GPU,CPU", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def test_folders_keep_letters_of_any_script() -> None:
    """Also such that the system stores in two parts; long ones are cut between letters, and stay a name."""
    assert "-드론-탐지-ort-cpu-" in new_record_id("드론 탐지", "ort:cpu")
    assert "-한-ort-cpu-" in new_record_id("\u1112\u1161\u11ab", "ort:cpu")
    long = new_record_id("가" * 300, "ort:cpu")
    assert len(long.encode()) < 255
    assert long.partition("-")[2].startswith("가" * 26 + "-")


def held(old: object, new: object) -> bool:
    """Whether everything in ``old`` is in ``new`` with the same value; ``new`` may say more."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(key in new and held(value, new[key]) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(held, old, new))
    return old == new


def without_empty(value: object) -> object:
    """``value`` without the fields that hold nothing: null, or an empty container or text."""
    if isinstance(value, dict):
        return {key: without_empty(part) for key, part in value.items() if part not in (None, "", [], {})}
    return [without_empty(part) for part in value] if isinstance(value, list) else value


def test_the_format_has_not_changed() -> None:
    """A recorded file of this schema reads, and is written back with the same fields in the same order; a field that
    was added since holds nothing."""
    import json

    golden = GOLDEN.read_bytes()
    assert json.dumps(without_empty(json.loads(golden))) == json.dumps(
        without_empty(json.loads(encode(decode(golden))))
    )


@pytest.mark.parametrize("older", sorted(GOLDEN.parent.glob("record-v*.json")), ids=lambda path: path.stem)
def test_older_records_read(older: Path) -> None:
    """Every field of a recorded file of any schema so far has the value that the file states."""
    import json

    data = older.read_bytes()
    assert held(json.loads(data), json.loads(encode(decode(data))))


def test_the_schema_describes_what_is_written() -> None:
    """The published JSON Schema accepts the golden record and refuses a wrong one."""
    import json

    import jsonschema

    validator = jsonschema.Draft202012Validator(json_schema())
    golden = json.loads(GOLDEN.read_bytes())
    validator.validate(golden)
    golden["plan"]["seed"] = "x"
    assert not validator.is_valid(golden)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the new content cannot be put in place, the old is still there and no scrap is left."""
    file = tmp_path / "page.html"
    file.write_bytes(b"old")

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(InputError, match=r"page.html: cannot be written: No space left on device"):
        write_atomically(file, b"new")
    assert (b"old", ["page.html"]) == (file.read_bytes(), [p.name for p in tmp_path.iterdir()])


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """An output folder under a file is refused before anything is measured."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r".*file/out: cannot be written"):
        prepare_folder(tmp_path / "file" / "out")


def test_the_published_schema_is_the_types() -> None:
    """bench/record.schema.json, which the package ships, is what the types say. `odb schema` writes it anew."""
    import json

    published = Path(bench.__file__).with_name("record.schema.json")
    assert json.loads(json.dumps(json_schema())) == json.loads(published.read_text(encoding="utf-8"))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no umask that says who may read a file")
@pytest.mark.parametrize(
    ("umask", "folder", "file"), [(0o077, 0o700, 0o600), (0o022, 0o755, 0o644), (0o002, 0o775, 0o664)]
)
def test_who_may_read_a_record_is_what_the_umask_says(tmp_path: Path, umask: int, folder: int, file: int) -> None:
    """Of the folder, the record, the samples and the page alike."""
    before = os.umask(umask)
    try:
        out = tmp_path / save(tmp_path, record(), {"latency_ns_0": np.arange(3)}).record_id
        write_atomically(tmp_path / "report.html", b"x")
    finally:
        os.umask(before)
    files = [out / "record.json", out / "samples.npz", tmp_path / "report.html"]
    assert [folder, file, file, file] == [path.stat().st_mode & 0o777 for path in (out, *files)]


def test_repeats_that_were_set_aside_are_read_and_looked_at_too(tmp_path: Path) -> None:
    """Their samples come back with the others; and one array cannot be of both kinds of repeat."""
    run = fake_run("r", [np.full(20, 1_000_000), np.full(20, 9_000_000)])
    kept, aside = run.record.repeats
    aside = msgspec.structs.replace(aside, cpu_busy_share=0.5)
    record = msgspec.structs.replace(run.record, repeats=(kept,), set_aside=(aside,))
    save(tmp_path, record, run.samples)
    loaded = load(tmp_path / "r")
    assert (aside,) == loaded.record.set_aside
    assert np.array_equal(run.samples["latency_ns_1"], loaded.samples["latency_ns_1"])
    assert [20] == [len(array) for array in loaded.arrays("latency_ns")]
    twice = msgspec.structs.replace(record, record_id="s", set_aside=(kept,))
    save(tmp_path, twice, run.samples)
    with pytest.raises(InputError, match="two parts of the record name the same array"):
        load(tmp_path / "s")
