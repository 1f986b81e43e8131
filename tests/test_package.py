"""What is installed: one name, everything that belongs under it, and requirements that each platform can meet."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[1]
MISBEHAVING = ROOT / "tests" / "plugins" / "misbehaving.py"
KINDS = (
    *("models", "targets", "reports", "sensors", "dossiers", "reviews", "gates", "histories", "tunings", "runners"),
    *("preflights", "quantisers", "quantisations", "racks"),
)
SOURCES = ("bench", "models", "targets", "reports")

LINUX_X86 = {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux"}
LINUX_ARM = LINUX_X86 | {"platform_machine": "aarch64"}
WINDOWS_X86 = {"sys_platform": "win32", "platform_machine": "AMD64", "platform_system": "Windows"}
WINDOWS_ARM = WINDOWS_X86 | {"platform_machine": "ARM64"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that nothing is left in the project."""
    pytest.importorskip("build")
    pytest.importorskip("setuptools", minversion="77", reason="building the wheel needs setuptools 77 or newer")
    project, out = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(project)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert 0 == done.returncode, done.stdout[-2000:] + done.stderr[-2000:]
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    """Every file in the wheel."""
    return ZipFile(wheel).namelist()


@pytest.fixture(scope="module")
def distribution(wheel: Path) -> Distribution:
    """What the wheel says of itself to an installer."""
    (found,) = distributions(path=[str(wheel)])
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel was installed, without what it requires."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder)]
    done = subprocess.run([*command, str(wheel)], capture_output=True, text=True, timeout=240, check=False)
    if "No module named pip" in done.stderr:
        pytest.skip("no pip in this environment")
    assert 0 == done.returncode, done.stderr
    return folder


def required(distribution: Distribution, environment: dict[str, str], extra: str = "") -> set[str]:
    """Names of the distributions that an installer would fetch in ``environment``."""
    given = {**environment, "extra": extra}
    requirements = [Requirement(text) for text in distribution.requires or ()]
    return {r.name.lower() for r in requirements if r.marker is None or r.marker.evaluate(given)}


def test_only_one_name_is_taken(names: list[str]) -> None:
    """Beside its own metadata, the wheel puts nothing but ``bench`` into site-packages."""
    top = {name.partition("/")[0] for name in names}
    assert {"bench"} == {name for name in top if not name.endswith(".dist-info")}
    assert 1 == len([name for name in top if name.endswith(".dist-info")])


def test_the_licence_goes_with_it(names: list[str], distribution: Distribution) -> None:
    """The licence's text is in the wheel, and its name in the metadata."""
    assert 1 == len([name for name in names if name.endswith(".dist-info/licenses/LICENSE")])
    assert "Apache-2.0" == distribution.metadata["License-Expression"]


def test_every_source_file_is_in_it(names: list[str]) -> None:
    """No module, template or style sheet of the four folders is left out, and no test is put in; of a catalogue there
    is what the build compiled, and not its source, beside which it might count as out of date."""
    expected = set()
    for folder in SOURCES:
        prefix = Path("bench") if folder == "bench" else Path("bench", folder)
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".mo":
                packed = file.with_suffix(".mo") if file.suffix == ".po" else file
                expected.add((prefix / packed.relative_to(ROOT / folder)).as_posix())
    assert expected == {name for name in names if not name.partition("/")[0].endswith(".dist-info")}
    assert {"bench/py.typed", "bench/reports/page.html.j2", "bench/models/vision/resnet50.py"} <= expected


@pytest.mark.parametrize("language", ["en", "ko"])
def test_installed_catalogues_are_read_compiled(installed: Path, language: str) -> None:
    """Babel, which would compile them at every start, is not imported."""
    code = """
import sys
from bench.words import say, speak
speak(sys.argv[1])
print(say("language.name"), "babel" in sys.modules)
"""
    words = [sys.executable, "-c", code, language]
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(words, capture_output=True, encoding="utf-8", env=environment, cwd=installed, check=True)
    assert {"en": "English False", "ko": "한국어 False"}[language] == done.stdout.strip()


def test_every_entry_point_leads_to_a_class(distribution: Distribution, wheel: Path) -> None:
    """Each plugin's module is in the wheel and defines the name that its entry point gives; pytest's is a module."""
    points = distribution.entry_points
    assert {"console_scripts", "pytest11", *(f"ondevice_bench.{kind}" for kind in KINDS)} == points.groups
    assert [("odb", "bench.cli:main")] == [(p.name, p.value) for p in points.select(group="console_scripts")]
    with ZipFile(wheel) as archive:
        for point in points:
            if point.group != "console_scripts":
                source = archive.read(f"{point.module.replace('.', '/')}.py").decode()
                defined = f"class {point.attr}" if point.attr else "def odb("
                assert defined in source, point.value


def test_the_python_it_asks_for(distribution: Distribution) -> None:
    """3.11 and later, nothing older."""
    versions = SpecifierSet(distribution.metadata["Requires-Python"])
    assert [False, True, True] == [versions.contains(v) for v in ("3.10.14", "3.11.0", "3.14.0")]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [(LINUX_X86, True), (LINUX_ARM, True), (WINDOWS_X86, True), (WINDOWS_ARM, False)],
    ids=["linux-x86", "linux-arm", "windows-x86", "windows-arm"],
)
def test_openvino_is_asked_for_where_it_exists(
    distribution: Distribution, environment: dict[str, str], expected: bool
) -> None:
    """A Snapdragon laptop installs without openvino; every other platform gets it, and all get ONNX Runtime."""
    wanted = required(distribution, environment)
    assert expected == ("openvino" in wanted)
    assert "onnxruntime" in wanted


@pytest.mark.parametrize(
    ("extra", "environment", "expected"),
    [
        ("qnn", LINUX_X86, {"onnxruntime-qnn"}),
        ("qnn", LINUX_ARM, {"onnxruntime-qnn"}),
        ("qnn", WINDOWS_ARM, {"onnxruntime-qnn"}),
        ("genai", LINUX_X86, {"onnxruntime-genai", "openvino-genai"}),
        ("genai", LINUX_ARM, {"onnxruntime-genai", "openvino-genai"}),
        ("genai", WINDOWS_ARM, {"onnxruntime-genai"}),
        ("loadgen", WINDOWS_X86, {"mlcommons-loadgen"}),
        ("loadgen", LINUX_ARM, set()),
        ("loadgen", WINDOWS_ARM, set()),
        ("frames", WINDOWS_ARM, {"pandas"}),
    ],
)
def test_extras_ask_for_what_the_platform_has(
    distribution: Distribution, extra: str, environment: dict[str, str], expected: set[str]
) -> None:
    """An extra adds the packages that have wheels there, and never one that has none."""
    assert expected == required(distribution, environment, extra) - required(distribution, environment)


def test_the_extras_are_these(distribution: Distribution) -> None:
    """Fifteen extras; nothing that a user installs, with or without them, brings torch or transformers."""
    extras = "qnn genai detection loadgen docs dev browser office bundle text frames meters nncf fleet opencv".split()
    assert {*extras} == set(distribution.metadata.get_all("Provides-Extra") or ())
    everything = {Requirement(text).name.lower() for text in distribution.requires or ()}
    assert set() == everything & {"torch", "torchvision", "transformers", "tensorflow"}


def test_the_installed_wheel_runs(installed: Path, tmp_path: Path) -> None:
    """The installed files alone list the built-in models, measure in a worker, and write the page."""
    listed = json.loads(odb(installed, tmp_path, ["list", "models", "--json"]))
    assert {"mobilenet_v2", "resnet50", "llama-15M"} <= {row["name"] for row in listed}
    run = ["run", "--plugin", str(MISBEHAVING), "-m", "fake", "-t", "null:cpu", "--repeats", "1", "-o", "out", "--json"]
    (record,) = json.loads(odb(installed, tmp_path, run, statuses=(0, 1)))
    assert "ok" == record["status"]
    assert (tmp_path / "out" / "report.html").is_file()


def test_the_mounted_folders_are_the_installed_ones(installed: Path, tmp_path: Path) -> None:
    """``bench.models``, ``bench.targets`` and ``bench.reports`` come from the wheel, not from a checkout."""
    code = "import bench.models, bench.targets, bench.reports as r; print(bench.models.__file__, r.__file__, sep='\\n')"
    printed = python(installed, tmp_path, ["-c", code]).splitlines()
    assert [installed / "bench" / name / "__init__.py" for name in ("models", "reports")] == [Path(p) for p in printed]


def odb(installed: Path, cwd: Path, arguments: Sequence[str], statuses: Sequence[int] = (0,)) -> str:
    return python(installed, cwd, ["-c", "from bench.cli import main; main()", *arguments], statuses)


def python(installed: Path, cwd: Path, arguments: Sequence[str], statuses: Sequence[int] = (0,)) -> str:
    """Standard output of Python with ``installed`` before every other place; what the package requires is elsewhere."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=False,
    )
    assert done.returncode in statuses, done.stderr
    return done.stdout
