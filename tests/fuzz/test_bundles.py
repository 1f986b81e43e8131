"""No bundle that somebody else changed is verified, takes long, or meets an error without a sentence."""

import json
import os
from pathlib import Path
from random import Random

import pytest
from forged_bundles import verified
from fuzzers import SLOW_SECONDS, own_seconds
from made_bundles import files_of, listed_anew, write_files, write_packed, write_submission
from mutations import damaged_bytes, damaged_json, damaged_text

SHORT = 40
LONG = int(os.environ.get("ODB_FUZZ_INPUTS", "8000"))


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    return write_packed(write_submission(folder / "s"), folder / "b.zip")


def damaged(name: str, data: bytes, rng: Random) -> bytes:
    """The content of one file, changed by its kind or byte by byte."""
    if rng.random() < 0.3:
        return damaged_bytes(data, rng)
    if name.endswith(".json"):
        return json.dumps(damaged_json(json.loads(data), rng)).encode("utf-8", "surrogatepass")
    return damaged_text(data.decode(), rng) if name.endswith((".toml", ".html", ".txt")) else damaged_bytes(data, rng)


def tried(packed: Path, folder: Path, count: int, seed: int) -> list[str]:
    """What is found in ``count`` bundles in which one file was changed and the manifests made anew."""
    files, found = files_of(packed), []
    names = [name for name in files if "manifest" not in name]
    for index in range(count):
        rng = Random(f"bundle {seed} {index}")
        name = rng.choice(names)
        content = damaged(name, files[name], rng)
        if content == files[name]:
            continue
        begin_s = own_seconds()
        told = verified(write_files(folder / "c.zip", listed_anew({**files, name: content})))
        if told.verified:
            found.append(f"{name} verified, input {index}")
        found += [f"{one.rule} {one.told}, input {index}" for one in told.findings if one.told.code == UNFORESEEN]
        if own_seconds() - begin_s > SLOW_SECONDS:
            found.append(f"over {SLOW_SECONDS:g} s, input {index}")
    return found


UNFORESEEN = "bundle.check_failed"


def test_no_changed_bundle_is_verified(packed: Path, tmp_path: Path) -> None:
    """Of so many seeded changes."""
    assert tried(packed, tmp_path, SHORT, 0) == []


@pytest.mark.fuzz_long
@pytest.mark.timeout(0)
def test_no_changed_bundle_of_many_is_verified(packed: Path, tmp_path: Path) -> None:
    """The same with ``ODB_FUZZ_INPUTS`` bundles, of another seed."""
    assert tried(packed, tmp_path, LONG, 1) == []
