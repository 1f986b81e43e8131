"""A submission as the README shows it: the form, its measurement and the bundle, then the reviewer's part."""

import json
import os
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.store.records import load_records

pytestmark = [pytest.mark.real, pytest.mark.process, pytest.mark.long]

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = re.compile(r"^```sh\n(set -e.*?)^```", re.MULTILINE | re.DOTALL)
SHORT = {"# repeats = 10  # fresh": "repeats = 2  # fresh", "# max_seconds = 30": "max_seconds = 0.3"}
PAGES = {"review": "odb review {0}.zip -r again", "dossier": "odb dossier {0}.zip -r again"}
NOTEBOOK = {
    "init inspection-drone": "init notebook-it",
    "-m detector.onnx": "-m stories.onnx",
    "-t qnn:htp-emu -t ort:cpu": "-t openvino:CPU",
    "drone with qcs8550": "Notebook",
    "bridge inspection": "Assistant",
}
"""How the script reads for the track notebook-it, whatever the case."""


class Job(NamedTuple):
    """``folder``: where the script ran. ``told``: what it printed."""

    folder: Path
    told: str


def script(name: str, changes: Mapping[str, str]) -> tuple[str, str]:
    """The README's with ``changes``, as far as the form is written, and the rest. ``name``: of the folder."""
    (text,) = SCRIPT.findall((ROOT / "README.md").read_text("utf-8"))
    for old, new in changes.items():
        text, count = re.subn(re.escape(old), new, text, flags=re.IGNORECASE)
        assert count == 1, old
    text = re.sub(r"\bdrone\b", name, text)
    head, run, rest = text.partition(f"odb run {name} ")
    assert run
    return head, f"set -e\n{run}--no-yardstick {rest}"


def typed(folder: Path, text: str) -> str:
    """What ``text``, of a shell, printed. It has to end with 0."""
    done = subprocess.run(
        ["bash", "-c", f'odb() {{ "{sys.executable}" -c "from bench.cli import main; main()" "$@"; }}\n{text}'],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=folder,
        env={**os.environ, "ODB_LANG": "en"},
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


def played(folder: Path, name: str, changes: Mapping[str, str], short: Mapping[str, str]) -> Job:
    """The script in ``folder``, and the pages of it in both languages. ``short``: what of the form is changed."""
    head, rest = script(name, changes)
    told = typed(folder, head)
    form = folder / name / "submission.toml"
    text = form.read_text("utf-8")
    for long, changed in short.items():
        assert long in text
        text = text.replace(long, changed)
    form.write_text(text, "utf-8")
    pages = [
        f"{command.format(name)} -o {page}.{lang}.html --lang {lang}"
        for page, command in PAGES.items()
        for lang in ("ko", "en")
    ]
    return Job(folder, told + typed(folder, "\n".join([rest, *pages])))


@pytest.fixture(scope="module")
def notebook(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The script for a trained language model on OpenVINO, whose form demands two repeats."""
    for package in ("onnxruntime", "openvino", "bagit"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    if os.name == "nt":
        pytest.skip("the script is for a shell")
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "stories.onnx").write_bytes((realdata / "llm" / "stories260K" / "model.onnx").read_bytes())
    return played(folder, "note", NOTEBOOK, SHORT | {"\nrepeats = 6  # minimum": "\nrepeats = 2  # minimum"})


@pytest.fixture(scope="module")
def job(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The script, with two repeats of a third of a second, and without yardsticks."""
    for package in ("onnxruntime", "onnxruntime_qnn", "bagit"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    if platform.machine().lower() not in ("x86_64", "amd64") or os.name == "nt":
        pytest.skip("the script is for a shell, and the HTP's emulator for x86-64")
    folder = tmp_path_factory.mktemp("job")
    (folder / "detector.onnx").write_bytes((realdata / "models" / "ultraface_rfb_320.onnx").read_bytes())
    return played(folder, "drone", {}, SHORT)


def answers(job: Job) -> dict[str, Any]:
    found = json.loads((job.folder / "again" / "reproduction.json").read_bytes())["answers"]
    return {one["criterion"]: one for one in found}


def test_what_the_form_asks_for_is_measured(job: Job) -> None:
    """On both targets; an emulator has no times. A first look leaves out the half hour of a flight."""
    plans = [(run.record.plan, run.record.status) for run in load_records(job.folder / "drone" / "records")]
    assert sorted((plan.target.id, plan.scenario.name, status) for plan, status in plans) == [
        ("ort:cpu", "fixed-rate", "ok"),
        ("ort:cpu", "offline", "ok"),
        ("ort:cpu", "single-stream", "ok"),
        ("qnn:htp-emu", "fixed-rate", "skipped"),
        ("qnn:htp-emu", "offline", "skipped"),
        ("qnn:htp-emu", "single-stream", "ok"),
    ]


def test_nothing_is_rejected(job: Job) -> None:
    """``odb check`` says so, and ``odb pack`` needs no flag."""
    assert "\n0 rejected, " in f"\n{job.told}"
    assert "Verified: inspection-drone-bridge-inspection" in job.told


def test_the_bundle_is_a_bag_without_the_machines_paths(job: Job, tmp_path: Path) -> None:
    """Another's program accepts it; the model has a path in the bundle."""
    bagit = pytest.importorskip("bagit")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", job.folder / "drone.zip", tmp_path], check=True, timeout=60)
    (top,) = tmp_path.iterdir()
    assert bagit.Bag(str(top)).validate()
    form = tomllib.loads((top / "data" / "submission.toml").read_text("utf-8"))
    assert [one["source"] for one in form["models"]] == ["models/detector/detector.onnx"]
    assert not [path for path in top.rglob("*") if path.is_file() and str(job.folder).encode() in path.read_bytes()]


def test_what_no_machine_changes_is_reproduced(job: Job) -> None:
    """Placement, outputs and size; nothing is refuted, and the emulator's time is not shown."""
    found = answers(job)
    assert [found[name]["word"] for name in ("placement", "outputs", "model-size")] == ["reproduced"] * 3
    assert "not_reproduced" not in {one["word"] for one in found.values()}
    assert (found["placement"]["claimed"], found["placement"]["again"]) == (1, 1)
    assert {found[name]["claimed"] for name in ("frame-p99", "peak-memory")} == {None}


@pytest.mark.parametrize(("lang", "criterion"), [("ko", "모델 파일 크기"), ("en", "Size of the model file")])
@pytest.mark.parametrize("name", PAGES)
def test_pages_are_in_both_languages(job: Job, name: str, lang: str, criterion: str) -> None:
    """With the track's words of that language."""
    page = (job.folder / f"{name}.{lang}.html").read_text("utf-8")
    assert f'lang="{lang}"' in page
    assert criterion in page


def test_a_language_model_goes_through_too(notebook: Job) -> None:
    """Track notebook-it: its one run is measured, nothing is rejected, and the bundle is believed."""
    (run,) = load_records(notebook.folder / "note" / "records")
    plan = run.record.plan
    assert (plan.target.id, plan.scenario.name, run.record.status) == ("openvino:CPU", "single-stream", "ok")
    assert "\n0 rejected, " in f"\n{notebook.told}"
    assert "Verified: notebook-it-assistant" in notebook.told


def test_its_figures_are_measured_again(notebook: Job) -> None:
    """An honest claim is not refuted, on however busy a machine; what was not measured stays open."""
    found = answers(notebook)
    assert {"ttft", "decode-rate", "cold-start", "peak-memory"} <= found.keys()
    for name in ("ttft", "decode-rate", "cold-start", "peak-memory"):
        assert found[name]["claimed"] > 0
        assert found[name]["again"] > 0
        assert found[name]["claimed_sha256"]
    assert "not_reproduced" not in {one["word"] for one in found.values()}


@pytest.mark.parametrize(
    ("lang", "criterion", "again"),
    [
        ("ko", "첫 토큰 시간(TTFT)", "제3자의 재측정 (1)"),
        ("en", "Time to first token (TTFT)", "Measured again by another (1)"),
    ],
)
def test_its_pages_are_in_both_languages(notebook: Job, lang: str, criterion: str, again: str) -> None:
    """The dossier shows what the reviewer found."""
    for name in PAGES:
        assert criterion in (notebook.folder / f"{name}.{lang}.html").read_text("utf-8")
    assert again in (notebook.folder / f"dossier.{lang}.html").read_text("utf-8")
