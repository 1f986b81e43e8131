"""Whatever a record's fields hold, no writer lets a control or direction character through, nor an error message."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.cli.compare_command import writer
from bench.comparison.comparison import compare_all
from bench.comparison.folders import Findings
from bench.comparison.observe import observe
from bench.plugins import Catalog, load
from bench.record.record import Record, RecordedRun
from bench.store.records import save

PAYLOAD = "\x1b]0;T\x07\x1b[2J\x9b31m\r\u202eR\u2066\u2028\x7f"
ACTS = {c for c in PAYLOAD if not c.isprintable()}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Where strings stand in a record, and where keys are free."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key), "key"
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    elif isinstance(value, str):
        yield path, "value"


def hostile(record: Record) -> Iterator[tuple[str, Record]]:
    """The record with the payload in one place at a time, where it can still be read."""
    plain = msgspec.to_builtins(record)
    for path, kind in list(leaves(plain)):
        changed = msgspec.json.decode(msgspec.json.encode(plain))
        place = changed
        for key in path[:-1]:
            place = place[key]
        if kind == "value":
            place[path[-1]] = PAYLOAD
        else:
            place[PAYLOAD] = place.pop(path[-1])
        try:
            yield f"{'.'.join(map(str, path))} ({kind})", msgspec.convert(changed, Record)
        except msgspec.ValidationError:
            continue


@pytest.mark.long
@pytest.mark.parametrize("name", ["html", "md", "csv", "json", "terminal"])
def test_no_report_shows_what_acts(name: str, catalog: Catalog, runs: list[RecordedRun]) -> None:
    report = load(catalog.find("reports", name))
    for run in (runs[0], runs[5]):
        for where, record in hostile(run.record):
            text = report.render([RecordedRun(record, run.samples)]).decode()
            assert set() == ACTS & set(text), where


@pytest.mark.long
@pytest.mark.parametrize("name", ["html", "md", "json", "terminal"])
def test_no_comparison_shows_what_acts(name: str, runs: list[RecordedRun]) -> None:
    base = runs[0]
    render = writer(name)
    for where, record in hostile(base.record):
        pair = observe(base), observe(RecordedRun(record, base.samples))
        text = render(Findings(0.03, tuple(compare_all([pair], 0.03)))).decode()
        assert set() == ACTS & set(text), where


@pytest.mark.process
def test_no_error_message_shows_what_acts(tmp_path: Path, make_record: Callable[..., Record]) -> None:
    """An unknown key of a record is named; its name cannot clear the screen or write a line of its own."""
    folder = tmp_path / save(tmp_path, make_record("ort:cpu", 4_000_000), {}).record_id
    content = json.loads((folder / "record.json").read_text())
    content["\x1b[2J\nodb: all records are valid"] = 1
    content["plan"][PAYLOAD] = 1
    (folder / "record.json").write_text(json.dumps(content))
    code = "import sys; sys.argv[0] = 'odb'; from bench.cli import main; main()"
    command = [sys.executable, "-c", code, "report", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    text = done.stderr.decode()
    assert (2, set()) == (done.returncode, ACTS & set(text))
    assert ["odb: error"] == [line[:10] for line in text.splitlines() if line.startswith("odb")]


def test_a_command_that_is_more_is_told_and_not_shown(catalog: Catalog, make_record: Callable[..., Record]) -> None:
    record = make_record("ort:cpu", 4_000_000)
    plan = msgspec.structs.replace(record.plan, command="odb run -m net.onnx; rm -rf ~")
    run = RecordedRun(msgspec.structs.replace(record, plan=plan), {})
    for name in ("html", "md"):
        text = load(catalog.find("reports", name)).render([run]).decode()
        assert "rm -rf" not in text
    assert "more than an" in load(catalog.find("reports", "html")).render([run]).decode()
