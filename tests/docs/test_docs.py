"""The documentation says what the code does: links, tables, commands and every block of code on its pages."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import types
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
import pytest

from bench.record import Record

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
FENCE = re.compile(r"^```(\S*)[ ]?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COUNTS = re.compile(r"\D")


class Block(NamedTuple):
    """One fenced block: its language, the file it is to be put into ("" for none), and its text."""

    language: str
    file: str
    text: str


def text_of(page: str) -> str:
    return (DOCS / f"{page}.md").read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(text)]


def table(page: str, first: str, section: str = "") -> list[list[str]]:
    """The rows of the table whose first column is headed ``first``, in ``section`` of the page if one is named."""
    text = text_of(page)
    if section:
        text = text.partition(f"\n{section}\n")[2]
    lines = f"\n{text}".partition(f"\n| {first} |")[2].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def code(cell: str) -> str:
    """The text of a cell without its backquotes."""
    return cell.strip().strip("`")


# --------------------------------------------------------------------------------------------- links and commands


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the project, and every anchor a heading in it."""
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_linked_from_the_index() -> None:
    """A page that nobody can find is not documentation."""
    linked = set(LINK.findall(text_of("index")))
    assert [page.name for page in PAGES if page.name not in linked | {"index.md"}] == []


def shown_commands(page: Path) -> Iterator[list[str]]:
    """The arguments of each ``odb`` command line in the page's shell blocks and indented blocks."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in blocks(text) if block.language == "sh" for line in block.text.splitlines()]
    lines += [line.strip() for line in FENCE.sub("", text).splitlines() if line.startswith("    odb ")]
    for line in lines:
        if line.startswith("odb "):
            words = shlex.split(line, comments=True)
            end = next((i for i, word in enumerate(words) if word in (">", "|", "&&", ";")), len(words))
            yield words[1:end]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_commands_parse(page: Path) -> None:
    """The command line takes every command that a page shows: its name, its options, their choices and types."""
    from bench.cli import odb

    for arguments in shown_commands(page):
        try:
            with odb.make_context("odb", list(arguments)) as context:
                name, command, rest = odb.resolve_command(context, arguments)
            if command is not None:
                command.make_context(name, list(rest))
        except click.exceptions.Exit:
            continue  # --help and --version
        except click.ClickException as error:
            pytest.fail(f"odb {shlex.join(arguments)}: {error.format_message()}")


def test_a_wrong_command_would_be_seen() -> None:
    """The check above can fail: an unknown option does not parse."""
    from bench.cli import odb

    command = odb.get_command(click.Context(odb), "run")
    assert command is not None
    with pytest.raises(click.NoSuchOption):
        command.make_context("run", ["--frobnicate"])


def test_the_suite_shown_is_a_suite(tmp_path: Path) -> None:
    """The TOML on the page of targets is read without complaint."""
    from bench.suite import load_suite

    (shown,) = [block.text for block in blocks(text_of("targets")) if block.language == "toml"]
    (tmp_path / "suite.toml").write_text(shown, encoding="utf-8")
    (tmp_path / "net.onnx").touch()
    suite = load_suite(tmp_path / "suite.toml")
    assert ("standard", ["openvino:CPU", "ort:cpu"]) == (suite.preset, [target.id for target in suite.targets])
    assert {"images": (1, 3, 640, 640)} == suite.models[0].shapes


# -------------------------------------------------------------------------------------------------------- tables


def test_verdict_codes_are_those_of_the_code() -> None:
    """Every code, its two sentences, and what it does to the verdict; in the order of the code."""
    from bench.verdict import CODES

    expected = [
        [
            f"`{name}`",
            known.meaning,
            known.remedy,
            "negative" if known.invalidates else "said",
            "yes" if known.timing else "no",
        ]
        for name, known in CODES.items()
    ]
    assert expected == table("verdicts", "code")


def test_the_shares_of_a_busy_host_are_those_of_the_code() -> None:
    """The page of verdicts states both limits."""
    from bench.verdict import BUSY_INVALID, BUSY_SAID

    assert f"said from {BUSY_SAID:.0%} of the machine".replace("%", " %") in text_of("verdicts")
    assert f"negative from {BUSY_INVALID:.0%}".replace("%", " %") in text_of("verdicts").replace("\n", " ")


def test_socs_are_those_of_the_code() -> None:
    """Every SoC with its numbers, and the source of each."""
    from bench.targets.socs import DEFAULT, SOCS

    rows = table("targets", "name")
    expected = [
        [f"`{s.name}`", s.marketing, s.part, str(s.soc_model), str(s.htp_arch), "yes" if s.floating_point else "no"]
        for s in SOCS
    ]
    assert expected == [row[:-1] for row in rows]
    assert [] == [row for row, soc in zip(rows, SOCS, strict=True) if code(row[-1]) not in soc.source]
    assert f"without it `qnn:htp-emu` compiles for `{DEFAULT}`" in text_of("targets").replace("\n", " ")


def test_presets_are_those_of_the_code() -> None:
    """Repeats, percentile, precision, times and queries of each preset."""
    from bench.measure.stopping import PRESETS

    def row(name: str) -> list[str]:
        preset = PRESETS[name]
        rule = preset.rule
        return [
            name,
            str(preset.repeats),
            f"{rule.percentile:g}",
            f"{100 * rule.precision:g} %",
            f"{rule.min_duration_ns / 1e9:g} to {rule.max_duration_ns / 1e9:g} s",
            f"{rule.min_queries} to {rule.max_queries:,}",
            f"{rule.warmup_min_queries} queries, at most {rule.warmup_max_duration_ns / 1e9:g} s, "
            f"windows within {100 * rule.steady_tolerance:g} %",
        ]

    assert [row(name) for name in PRESETS] == table("measuring", "preset")


def test_least_sample_counts_are_those_of_the_code() -> None:
    """Each percentile with the samples from which it is stated, here and in the page of the record."""
    from bench.statistics import MIN_SAMPLES

    assert [[f"p{p:g}", f"{n:,}"] for p, n in MIN_SAMPLES.items()] == table("measuring", "percentile")
    rows = {code(row[0]): row[1] for row in table("record", "field", "### `summary.latency_ns`")}
    names = {p: f"p{p:g}".replace(".", "") for p in MIN_SAMPLES}
    assert [f"{n}" for n in MIN_SAMPLES.values()] == [COUNTS.sub("", rows[names[p]]) for p in MIN_SAMPLES]


def test_thresholds_of_fidelity_are_those_of_the_code() -> None:
    """Least cosine and SQNR by precision; the last row is that of a precision that is not told."""
    from bench.measure.fidelity import LEAST_STRICT, THRESHOLDS

    known = {**THRESHOLDS, "any other, or unknown": LEAST_STRICT}
    expected = [
        [
            name,
            f"{t.cosine}",
            f"{t.sqnr_db:g} dB",
            "three quarters" if t.quarters else "every input",
            "–" if t.top5 is None else f"{t.top5:.0%}".replace("%", " %"),
        ]
        for name, t in known.items()
    ]
    assert expected == table("measuring", "executed precision")


def test_options_of_a_dataset_are_those_of_the_code() -> None:
    """Every key of dataset.json, with its default."""
    from bench.quality.options import DatasetOptions

    def shown(value: object) -> str:
        return "–" if value in (None, "") else f"`{str(value).lower() if isinstance(value, bool) else value}`"

    defaults = DatasetOptions()
    expected = [[f"`{name}`", shown(getattr(defaults, name))] for name in DatasetOptions.__struct_fields__]
    assert expected == [row[:2] for row in table("quality", "key")]


def test_figures_of_quality_are_those_of_the_code() -> None:
    """The page states how many resamples are drawn, from how many samples on, and what counts as the same."""
    from bench import paired
    from bench.quality.pairing import ALPHA, MARGIN

    text = text_of("quality").replace("\n", " ")
    assert f"{paired.RESAMPLES:,} resamples" in text
    assert f"below {paired.LEAST_SAMPLES} samples" in text
    assert f"up to {paired.EXACT_SAMPLES} samples" in text
    assert f"±{100 * MARGIN:g} point" in text
    assert f"at {100 * ALPHA:g} %" in text


def test_the_example_suite_is_a_suite(tmp_path: Path) -> None:
    """docs/examples/quality.toml is read without complaint where its files are."""
    import shutil

    from bench.suite import load_suite

    shutil.copy(DOCS / "examples" / "quality.toml", tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "models").mkdir()
    stored = tomllib.loads((tmp_path / "quality.toml").read_text(encoding="utf-8"))
    for model in stored["models"]:
        (tmp_path / model["source"]).touch()
    suite = load_suite(tmp_path / "quality.toml")
    assert str(tmp_path / "images") == suite.models[-1].dataset
    assert str(tmp_path / "models" / "mlperf_tiny_resnet.tflite") == suite.models[2].reference


def parts(kind: Any, path: str, found: dict[type, str]) -> dict[type, str]:
    """Every struct of a record with the first path that leads to it."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        for option in arguments:
            parts(option, path, found)
    elif origin is tuple:
        parts(arguments[0], f"{path}[]", found)
    elif origin is dict:
        parts(arguments[1], f"{path}{{}}", found)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in found:
        found[kind] = path or "record"
        for field in msgspec.structs.fields(kind):
            parts(field.type, f"{path}.{field.name}".lstrip("."), found)
    return found


PARTS = parts(Record, "", {})


@pytest.mark.parametrize(("kind", "path"), PARTS.items(), ids=PARTS.values())
def test_every_field_of_a_record_is_described(kind: Any, path: str) -> None:
    """Each part has a table that lists exactly its fields, in their order."""
    expected = [field.name for field in msgspec.structs.fields(kind)]
    assert expected == [code(row[0]) for row in table("record", "field", f"### `{path}`")]


def raised_kinds() -> set[Any]:
    """The kind of every failure that the code makes, read from its calls."""
    position = {"RunFailure": 0, "Failure": 1}
    kinds = set()
    for folder in ("bench", "models", "targets"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
                if isinstance(node, ast.Call) and name in position and len(node.args) > position[name]:
                    kind = node.args[position[name]]
                    if isinstance(kind, ast.Constant):
                        kinds.add(kind.value)
    return kinds


def test_failure_kinds_are_those_of_the_code() -> None:
    """No kind is raised that the page does not explain, and none explained that is never raised."""
    assert raised_kinds() == {code(row[0]) for row in table("record", "kind")}


def test_exit_statuses_are_those_of_the_help() -> None:
    """The page lists the statuses that `odb --help` lists."""
    from bench.cli import EPILOG

    stated = re.findall(r"(\d+) ", EPILOG.partition("Exit status:")[2].replace("\n", " "))
    assert stated == [row[0] for row in table("record", "status")]


def test_the_schema_version_is_the_codes() -> None:
    """The page of the record states the version that is written."""
    from bench.record import SCHEMA_VERSION

    assert f"`schema_version` is {SCHEMA_VERSION}." in text_of("record")


def test_the_house_is_as_drawn() -> None:
    """Every module that the architecture names is there."""
    drawing = next(block.text for block in blocks(text_of("architecture")) if block.text.startswith("bench/"))
    missing, folder = [], Path()
    for line in drawing.splitlines():
        top = re.match(r"(\w+)/", line)
        folder = Path(top[1]) if top else folder
        inner = re.match(r"  ((?:\w+/)+) ", line)
        for name in re.findall(r"[\w/]+\.py", line):
            path = ROOT / folder / (inner[1] if inner else "") / name
            if not path.is_file():
                missing.append(str(path.relative_to(ROOT)))
    assert missing == []


def test_the_number_of_socs_in_the_changelog_is_right() -> None:
    """The change log counts the SoCs."""
    from bench.targets.socs import SOCS

    assert f"emulator for {len(SOCS)} SoCs" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# ----------------------------------------------------------------------------------------------------- tutorials


class Tutorial(NamedTuple):
    """The tutorials' files in one folder, after their commands were run there."""

    folder: Path
    outputs: dict[str, str]

    def record(self, results: str, target: str) -> dict[str, Any]:
        found = [json.loads(path.read_bytes()) for path in (self.folder / results).glob("*/record.json")]
        (record,) = [r for r in found if r["plan"]["target"]["id"] == target]
        return dict(record)


def tutorial_commands() -> list[str]:
    """The shell lines of both tutorials, and of the example that reads records, as printed."""
    shown = [
        block.text
        for page in ("write-a-model", "write-a-target")
        for block in blocks(text_of(page))
        if block.language == "sh"
    ]
    return [line for text in shown for line in text.splitlines()]


@cache
def environment() -> dict[str, str]:
    """This process' environment with ``odb``, ``pytest`` and ``python`` of this interpreter first."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def write_samples(folder: Path) -> None:
    """The dataset that the page speaks of, and a sample that its judge refuses."""
    import numpy as np

    folder.mkdir()
    labels = {"a.npy": "word", "b.npy": "other", "c.npy": "noise"}
    for seed, name in enumerate(labels):
        features = np.random.default_rng(seed).random((1, 1, 49, 40), np.float32)
        np.save(folder / name, features)
    (folder / "labels.json").write_text(json.dumps(labels))


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Tutorial:
    """Write each block to the file that it names, then run the pages' commands as they stand."""
    folder = tmp_path_factory.mktemp("tutorial")
    for page in ("write-a-model", "write-a-target", "record"):
        for block in blocks(text_of(page)):
            if block.file:
                (folder / block.file).write_text(block.text, encoding="utf-8")
    write_samples(folder / "samples")
    cache_folder = {"ODB_CACHE": str(folder / "cache")}
    running = {
        line: subprocess.Popen(
            line,
            shell=True,
            cwd=folder,
            env=environment() | cache_folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in tutorial_commands()
    }
    return Tutorial(folder, {line: process.communicate(timeout=120)[0] for line, process in running.items()})


@pytest.mark.real
def test_the_model_tutorial_measures(tutorial: Tutorial) -> None:
    """The command of the page leaves a record on each runtime, with outputs that agree with the reference."""
    pytest.importorskip("openvino")
    for target in ("ort:cpu", "openvino:CPU"):
        record = tutorial.record("first-look", target)
        assert ("ok", None) == (record["status"], record["failure"]), tutorial.outputs
        assert ("wake_word", 44_000) == (record["plan"]["model"]["id"], record["plan"]["model"]["macs"])
        assert True is record["fidelity"]["ok"]


@pytest.mark.real
def test_the_models_own_judge_is_asked(tutorial: Tutorial) -> None:
    """Both of its scores are in the record, with their direction, and the sample that it refuses is left out."""
    record = tutorial.record("judged", "ort:cpu")
    assert ("ok", None) == (record["status"], record["failure"]), tutorial.outputs
    quality = record["quality"]
    assert ("judged", 2, "'noise' is neither word nor other") == (
        quality["dataset"]["task"],
        quality["dataset"]["samples"],
        quality["dataset"]["left_out"][0]["reason"],
    )
    assert [("right", True), ("surprise", False)] == [(m["name"], m["higher_is_better"]) for m in quality["metrics"]]
    assert quality["metrics"][1]["value"] > 0


@pytest.mark.real
def test_the_facts_counted_by_hand_are_right(tutorial: Tutorial) -> None:
    """The tutorial's arithmetic gives what this project counts in the file that it writes."""
    import onnx

    from bench.models.onnx_facts import onnx_facts

    stated = tutorial.record("first-look", "ort:cpu")["plan"]["model"]
    (file,) = (tutorial.folder / "cache").rglob("wake_word-seed0.onnx")
    counted = onnx_facts(onnx.load(file), {"features": (1, 1, 49, 40)})
    fields = ("parameters", "macs", "weight_bytes", "peak_activation_bytes")
    assert {f: getattr(counted, f) for f in fields} == {f: stated[f] for f in fields}


@pytest.mark.real
def test_the_target_tutorial_measures(tutorial: Tutorial) -> None:
    """Three phases apart, four placed nodes, and float32 outputs that agree with ONNX Runtime."""
    record = tutorial.record("first-try", "reference:numpy")
    assert "ok" == record["status"], tutorial.outputs
    phases = record["repeats"][0]["phases_ns"]
    assert all(phases[name] > 0 for name in ("runtime_import", "read", "compile", "first_inference"))
    assert {"numpy": 4} == record["placement"]["nodes"]
    assert ("ort:cpu, fp32, graph optimisation off", True) == (
        record["fidelity"]["reference"],
        record["fidelity"]["ok"],
    )
    listed = next(text for line, text in tutorial.outputs.items() if line.startswith("odb list targets"))
    assert "reference:numpy" in listed


@pytest.mark.parametrize("name", ["test_wake_word.py", "test_reference_target.py"])
def test_the_tutorials_own_tests_pass(tutorial: Tutorial, name: str) -> None:
    """The tests that the pages print pass, three of them each."""
    assert "3 passed" in tutorial.outputs[f"pytest {name}"]


def test_the_script_that_reads_records_works(tutorial: Tutorial) -> None:
    """The example prints one line for the record of the tutorial."""
    done = subprocess.run(
        [sys.executable, "read_records.py", "first-try"],
        cwd=tutorial.folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert re.fullmatch(
        r"wake_word on reference:numpy: p50 \d+\.\d{3} ms, slowest \d+\.\d{3} ms, valid: (True|False)\n", done.stdout
    )


@pytest.mark.parametrize(
    ("page", "kind", "summary"),
    [
        ("write-a-model", "models", "wake word: 49 × 40 features, one convolution, two classes (random weights)"),
        ("write-a-target", "targets", "onnx.reference: every operator in numpy"),
    ],
)
def test_the_packaging_shown_registers_the_plugin(
    tutorial: Tutorial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str, kind: Any, summary: str
) -> None:
    """The entry point on the page, once installed, is found under its name and loads the class."""
    from bench.plugins import discover, load

    (shown,) = [block.text for block in blocks(text_of(page)) if block.language == "toml"]
    project = tomllib.loads(shown)["project"]
    ((group, entries),) = project["entry-points"].items()
    ((name, value),) = entries.items()
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(tutorial.folder)
    found = discover().find(kind, name)
    assert (project["name"], summary) == (found.provider, load(found).summary)


@pytest.mark.parametrize("page", ["write-a-model", "write-a-target", "record"])
def test_printed_python_is_formatted(page: str) -> None:
    """No line of a printed block is wider than the project allows, and each block parses."""
    for block in blocks(text_of(page)):
        if block.language == "python":
            ast.parse(block.text)
            assert [line for line in block.text.splitlines() if len(line) > 120] == []
