"""Entry points read from the folders of ``sys.path``, compared with what ``importlib.metadata`` gives."""

import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from bench.entry_points import EntryPoint, entry_points, versions
from bench.plugins import KINDS

GROUPS = tuple(f"ondevice_bench.{kind}" for kind in KINDS)
POINTS = """\
# comment
[console_scripts]
chip = chip:main

[ondevice_bench.targets]
chip=chip.target:Chip
 other  =  chip.target:Other [extra]
"""


def installed(folder: Path, name: str, points: str, info: str = "dist-info", file: str = "METADATA") -> Path:
    """A distribution's metadata in ``folder``."""
    place = folder / f"{name.replace('-', '_')}-1.0.{info}"
    place.mkdir(parents=True)
    (place / file).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n\nName: of the description\n")
    (place / "entry_points.txt").write_text(points)
    return folder


def of_the_library() -> list[EntryPoint]:
    return [
        EntryPoint(group, entry.name, entry.value, entry.dist.name)
        for group in GROUPS
        for entry in metadata.entry_points(group=group)
        if entry.dist is not None
    ]


def test_they_are_those_of_the_library() -> None:
    """This environment's plugins, all kinds."""
    found = entry_points(GROUPS)
    assert sorted(found) == sorted(of_the_library())
    assert {"openvino", "mobilenet_v2", "html", "rapl"} <= {point.name for point in found}


def test_a_distribution_is_read_as_the_library_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments, spaces, extras, an egg-info folder; the first of two of one name counts, whatever its spelling."""
    first = installed(tmp_path / "first", "Acme-Chip", POINTS)
    second = installed(tmp_path / "second", "acme.chip", POINTS.replace("chip.target", "older"))
    third = installed(tmp_path / "third", "egg", "[ondevice_bench.models]\nm = egg:M\n", "egg-info", "PKG-INFO")
    monkeypatch.setattr(sys, "path", [str(first), str(second), str(third), str(tmp_path / "missing")])
    assert sorted(entry_points(GROUPS)) == sorted(of_the_library())
    assert sorted(entry_points(GROUPS)) == [
        EntryPoint("ondevice_bench.models", "m", "egg:M", "egg"),
        EntryPoint("ondevice_bench.targets", "chip", "chip.target:Chip", "Acme-Chip"),
        EntryPoint("ondevice_bench.targets", "other", "chip.target:Other [extra]", "Acme-Chip"),
    ]


def test_versions_are_those_of_the_library() -> None:
    """Of distributions of this environment, by any spelling of their names; what is not installed is left out."""
    names = ("numpy", "msgspec", "Ondevice_Bench", "no-such-distribution-here")
    assert {name: metadata.version(name) for name in names[:3]} == versions(names)


def test_versions_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker, which is timed, does not import it; one whose metadata is gone has none."""
    installed(tmp_path, "Acme-Chip", "")
    (tmp_path / "empty-1.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setitem(sys.modules, "importlib.metadata", None)
    assert {"acme.chip": "1.0"} == versions(("acme.chip", "empty"))


def test_metadata_that_is_damaged_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution whose name is not stated and one whose files are missing."""
    nameless = installed(tmp_path, "nameless", "[ondevice_bench.models]\nm = a:M\n")
    (nameless / "nameless-1.0.dist-info" / "METADATA").unlink()
    (tmp_path / "empty-1.0.dist-info").mkdir()
    installed(tmp_path, "whole", "[ondevice_bench.models]\nn = b:N\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert sorted((point.name, point.provider) for point in entry_points(GROUPS)) == [
        ("m", "unknown"),
        ("n", "whole"),
    ]


def test_the_finder_of_the_backport_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks into the same folders; packages that import it do not slow this down."""
    installed(tmp_path, "Acme-Chip", "")
    finder = type("MetadataPathFinder", (), {"__module__": "importlib_metadata", "find_distributions": None})()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])
    monkeypatch.setitem(sys.modules, "importlib.metadata", None)
    assert {"acme.chip": "1.0"} == versions(("acme.chip",))


def test_a_distribution_in_a_zip_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no folder is left to the library."""
    archive = tmp_path / "chip.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("chip-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: chip\nVersion: 1.0\n")
        file.writestr("chip-1.0.dist-info/entry_points.txt", "[ondevice_bench.targets]\nchip = chip:Chip\n")
    monkeypatch.setattr(sys, "path", [str(archive)])
    assert entry_points(GROUPS) == [EntryPoint("ondevice_bench.targets", "chip", "chip:Chip", "chip")]


def test_a_finder_of_distributions_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import system of another kind may bring distributions that are in no folder of ``sys.path``."""
    place = installed(tmp_path, "frozen", "[ondevice_bench.models]\nm = a:M\n") / "frozen-1.0.dist-info"

    class Finder:
        @staticmethod
        def find_spec(*_: object) -> None:
            return None

        @staticmethod
        def find_distributions(*_: object) -> list[metadata.Distribution]:
            return [metadata.PathDistribution(place)]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert EntryPoint("ondevice_bench.models", "m", "a:M", "frozen") in entry_points(GROUPS)
