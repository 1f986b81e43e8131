"""``odb preflight``: what it shows, its JSON and its page, and its exit statuses."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench.cli.group import odb
from bench.words.cells import cells

VARIED = Path(__file__).resolve().parents[2] / "plugins" / "varied.py"


@pytest.fixture(autouse=True)
def gentle(in_process: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The chip that would crash the process raises instead."""
    monkeypatch.setenv("VARIED_GENTLE", "1")
    monkeypatch.setenv("ODB_CACHE", str(tmp_path / "cache"))


def preflight(*words: str, model: str = "one") -> Any:
    asked = ["preflight", model, "-t", "varied:emu", "-j", "1", "--plugin", str(VARIED), *words]
    return CliRunner().invoke(odb, asked, standalone_mode=False)


def test_one_table_has_every_chip() -> None:
    """Then the reasons, each once, with what to do."""
    found = preflight()
    lines = found.output.splitlines()
    assert found.return_value == 0
    assert "7 chips: runs on 5, not taken by 1, failed on 1." in found.output
    assert ["✓  cheap", "✓  twin", "✓  half", "✕  old [1]", "✓  dear", "✕  breaks [2]", "✓  unplaced"] == [
        line.split("  ACC")[0].split("   ")[0].rstrip() for line in lines if line[:1] in "✓✕" and line
    ]
    assert found.output.count("Quantise it.") == 1
    assert "    Op1 (half)" in lines


def test_a_rate_is_excluded_or_not_and_never_estimated() -> None:
    """Without a rate no time is shown that could be taken for a latency."""
    asked = preflight("--frames-per-s", "600").output
    assert "cannot reach 600 frames/s (≥ 2.00 ms)" in asked
    assert "cheap: 1e-09 TOPS, a data sheet, read 2026-01-02" in asked
    assert "not excluded" in preflight("--frames-per-s", "100").output
    assert "2.00 ms" not in preflight().output


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--need", "nodes=0.9"], 0),
        (["--need", "nodes=0.9", "--soc", "half,old"], 1),
        (["--need", "frames_per_s=100", "--soc", "twin,old"], 3),
        (["--need", "frames_per_s=600", "--soc", "cheap,dear"], 1),
        (["--need", "frames_per_s=100,nodes=1", "--soc", "cheap"], 0),
    ],
)
def test_the_status_answers(words: list[str], status: int) -> None:
    """0 a chip fits, 1 none does, 3 it cannot be told."""
    assert status == preflight(*words).return_value


def test_the_first_that_fits_is_named() -> None:
    """And the others in their order."""
    found = preflight("--need", "nodes=0.9").output
    assert "Fits nodes=0.9: 4 chips; the first is cheap." in found
    assert "In order: cheap, twin, dear, unplaced." in found


def test_json_has_the_documented_keys() -> None:
    """Those of docs/preflight.md, of the document and of a row; sentences with their text."""
    (found,) = json.loads(preflight("--json", "--frames-per-s", "600").stdout)["preflights"]
    page = (Path(__file__).resolve().parents[3] / "docs" / "preflight.md").read_text(encoding="utf-8")
    rows = {row["variant"]["name"]: row for row in found["rows"]}
    tables = page[page.index("## JSON") :]
    assert [] == [key for key in (*found, *rows["cheap"], *rows["cheap"]["bound"]) if f"`{key}`" not in tables]
    assert ("ran", 1.0, "cheap", "same") == (
        rows["twin"]["status"],
        rows["twin"]["nodes"],
        rows["twin"]["same_run_as"],
        rows["twin"]["compiled"]["program_sha256"],
    )
    assert ("model", "excluded") == (rows["cheap"]["bound"]["tier"], rows["cheap"]["bound"]["speed"])
    assert "preflight.no_published_peak" == rows["twin"]["bound"]["reason"]["code"]


def test_the_page_holds_the_table_and_no_script(tmp_path: Path) -> None:
    """Written beside the table at the terminal; an existing file is not replaced."""
    page = tmp_path / "page.html"
    found = preflight("-o", str(page))
    text = page.read_text(encoding="utf-8")
    assert "The Cheap" in text
    assert text.count("Quantise it.") == 1
    assert "<script" not in text
    assert "✓  cheap" in found.stdout
    assert preflight("-o", str(page)).exception is not None


def test_a_dry_run_compiles_nothing() -> None:
    """It says for which chips it would, and why not for the others."""
    found = preflight("--dry-run")
    assert "compiles for 6 chips, 1 at a time: cheap, twin, half, dear, breaks, unplaced" in found.output
    assert "  old: The Old cannot do it" in found.output


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_table_fits_80_columns(language: str) -> None:
    """Columns that do not fit are left out and named."""
    from bench.plugins import discover, load
    from bench.words import speaking

    writer = load(discover().find("preflights", "terminal")).at_terminal(80)
    found = _surveyed()
    with speaking(language):
        lines = writer.render([found]).decode().splitlines()
    assert [] == [line for line in lines if cells(line) > 80]
    assert any(line.startswith("✓  cheap") for line in lines)


def _surveyed() -> Any:
    from bench.execution.preflight.every import surveys
    from bench.execution.preflight.survey import Asked, Watcher
    from bench.plugins import discover
    from bench.scripting.places import cache_folder
    from bench.suite.suite import ModelAsk, Suite, TargetAsk

    suite = Suite(models=(ModelAsk("one"),), targets=(TargetAsk("varied:emu"),))
    asked = Asked(jobs=1, need={"nodes": 0.9}, frames_per_s=600.0)

    def refuse(*told: object) -> None:
        raise AssertionError(told)

    found = surveys(suite, discover([VARIED]), cache=cache_folder(), asked=asked, watcher=Watcher(), broken=refuse)
    return next(iter(found))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--soc", "cheep"], "unknown chip: cheep"),
        (["--need", "speed=1"], "unknown need: speed"),
        (["--frames-per-s", "0"], "--frames-per-s"),
        (["--jobs", "0"], "--jobs"),
        (["--format", "pdf"], "unknown --format: pdf"),
        (["-O", "chip=dear"], "the chip is chosen by -O chip"),
    ],
)
def test_bad_usage_is_said_before_anything_is_compiled(words: list[str], told: str) -> None:
    """With status 2."""
    found = preflight(*words)
    error = found.exception
    text = f"{error}{found.output}"
    assert told in text
    assert 2 == getattr(error, "exit_status", found.return_value)


def test_a_model_that_cannot_be_read_does_not_end_the_others(tmp_path: Path) -> None:
    """Its error is said, the others have their tables, and the status is 2."""
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    found = preflight("one", model=str(broken))
    assert found.return_value == 2
    assert "broken.onnx" in found.output
    assert "✓  cheap" in found.output


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_ctrl_c_keeps_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chip whose compiler hangs is ended; what had run is shown, and the status is 130."""
    monkeypatch.setenv("VARIED_WITHOUT", "none")
    monkeypatch.setenv("VARIED_MARK", str(tmp_path / "hangs"))
    asked = ["preflight", "one", "-t", "varied:emu", "-j", "1", "--soc", "cheap,hangs", "--json"]
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # a job behind & ignores it
    command = [sys.executable, "-c", f"{listening}import sys; from bench.cli import main; sys.exit(main())", *asked]
    with subprocess.Popen(
        [*command, "--plugin", str(VARIED)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        end = time.monotonic() + 60
        while not (tmp_path / "hangs").exists() and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    rows = {row["variant"]["name"]: row["status"] for row in json.loads(out)["preflights"][0]["rows"]}
    assert (130, {"cheap": "ran", "hangs": "interrupted"}) == (process.returncode, rows)
    assert b"interrupted" in err
