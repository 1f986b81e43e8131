"""The documentation says what the code does: links, tables, commands and every block of code on its pages."""

import ast
import re
import shlex
import tomllib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from doc_pages import DOCS, FENCE, PAGES, ROOT, blocks, text_of

from bench.record.record import Record
from bench.words import say

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COUNTS = re.compile(r"\D")
HOUSE = ("bench", "models", "targets", "reports")


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


@pytest.mark.parametrize("page", [*PAGES, *sorted(ROOT.glob("*.md"))], ids=lambda page: page.name)
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
            end = next((i for i, word in enumerate(words) if word in (">", "|", "||", "&&", ";")), len(words))
            yield words[1:end]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_commands_parse(page: Path) -> None:
    """The command line takes every command that a page shows: its name, its options, their choices and types."""
    from bench.cli.group import odb

    for arguments in shown_commands(page):
        try:
            with odb.make_context("odb", list(arguments)) as context:
                name, command, rest = odb.resolve_command(context, arguments)
            if command is not None:
                inner = command.make_context(name, list(rest))
                if isinstance(command, click.Group):
                    name, command, rest = command.resolve_command(inner, list(rest))
                    assert command is not None
                    command.make_context(name, list(rest))
        except click.exceptions.Exit:
            continue  # --help and --version
        except click.ClickException as error:
            pytest.fail(f"odb {shlex.join(arguments)}: {error.format_message()}")


def test_a_wrong_command_would_be_seen() -> None:
    """The check above can fail: an unknown option does not parse."""
    from bench.cli.group import odb

    command = odb.get_command(click.Context(odb), "run")
    assert command is not None
    with pytest.raises(click.NoSuchOption):
        command.make_context("run", ["--frobnicate"])


def test_the_suite_shown_is_a_suite(tmp_path: Path) -> None:
    """The TOML on the page of targets is read without complaint."""
    from bench.suite.suite import load_suite

    (shown,) = [block.text for block in blocks(text_of("targets")) if block.language == "toml"]
    (tmp_path / "suite.toml").write_text(shown, encoding="utf-8")
    (tmp_path / "net.onnx").touch()
    suite = load_suite(tmp_path / "suite.toml")
    assert ("standard", ["openvino:CPU", "ort:cpu"]) == (suite.preset, [target.id for target in suite.targets])
    assert {"images": (1, 3, 640, 640)} == suite.models[0].shapes


# -------------------------------------------------------------------------------------------------------- tables


def test_verdict_codes_are_those_of_the_code() -> None:
    """Every code, its two sentences, and what it does to the verdict; in the order of the code."""
    from bench.analysis.verdict.codes import CODES, meaning_of, remedy_of

    expected = [
        [
            f"`{name}`",
            str(meaning_of(name)),
            str(remedy_of(name)),
            "invalid" if known.invalidates else "noted",
            known.about.replace("_", " "),
        ]
        for name, known in CODES.items()
    ]
    assert expected == table("verdicts", "code")


def test_the_rules_of_a_submission_are_those_of_the_code() -> None:
    """Every rule with its severity, symptom, cause and fix; `tests/support/submissions/rules_page.py` writes it."""
    from submissions.rules_page import page

    assert page() == text_of("rules")


def test_the_shares_of_a_busy_host_are_those_of_the_code() -> None:
    """The page of verdicts states both limits."""
    from bench.analysis.verdict.judge import BUSY_INVALID, BUSY_SAID

    assert f"noted from {BUSY_SAID:.0%} of the machine".replace("%", " %") in text_of("verdicts")
    assert f"invalid from {BUSY_INVALID:.0%}".replace("%", " %") in text_of("verdicts").replace("\n", " ")


def test_socs_are_those_of_the_code() -> None:
    """Every SoC with its numbers, its floating point, and the source of each."""
    from bench.targets.qnn.socs import DEFAULT, SOCS

    def floats(taken: bool, kind: str) -> str:
        return "no" if not taken else "yes" if kind == "float16" else f"yes, {kind}"

    rows = table("targets", "name")
    expected = [
        [f"`{s.name}`", s.marketing, s.part, str(s.soc_model), str(s.htp_arch), floats(s.floating_point, s.float_type)]
        for s in SOCS
    ]
    assert expected == [row[:-1] for row in rows]
    assert [] == [row for row, soc in zip(rows, SOCS, strict=True) if code(row[-1]) not in soc.source]
    assert f"without it `qnn:htp-emu` compiles for `{DEFAULT}`" in text_of("targets").replace("\n", " ")


def test_presets_are_those_of_the_code() -> None:
    """Repeats and their time, pairs, percentile, precision, times and queries of each preset."""
    from bench.suite.presets import PRESETS

    def row(name: str) -> list[str]:
        preset = PRESETS[name]
        rule = preset.rule
        return [
            name,
            f"{preset.repeats.fewest} to {preset.repeats.most}",
            f"{(preset.repeats.budget_ns or 0) // 1_000_000_000} s",
            str(preset.pairs),
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
    from bench.stats.processes import MIN_SAMPLES

    assert [[f"p{p:g}", f"{n:,}"] for p, n in MIN_SAMPLES.items()] == table("measuring", "percentile")
    rows = {code(row[0]): row[1] for row in table("record", "field", "### `summary.latency_ns`")}
    names = {p: f"p{p:g}".replace(".", "") for p in MIN_SAMPLES}
    assert [f"{n}" for n in MIN_SAMPLES.values()] == [COUNTS.sub("", rows[names[p]]) for p in MIN_SAMPLES]


def test_thresholds_of_fidelity_are_those_of_the_code() -> None:
    """Least cosine and SQNR by precision; the last row is that of a precision that is not told."""
    from bench.analysis.outputs.tolerance import LEAST_STRICT, THRESHOLDS

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
    from bench.suite.dataset_options import DatasetOptions

    def shown(value: object) -> str:
        return "–" if value in (None, "") else f"`{str(value).lower() if isinstance(value, bool) else value}`"

    defaults = DatasetOptions()
    expected = [[f"`{name}`", shown(getattr(defaults, name))] for name in DatasetOptions.__struct_fields__]
    assert expected == [row[:2] for row in table("quality", "key")]


def test_figures_of_quality_are_those_of_the_code() -> None:
    """The page states how many resamples are drawn, from how many samples on, and what counts as the same."""
    from bench.analysis.quality import ALPHA, MARGIN
    from bench.stats.samples import resampling

    text = text_of("quality").replace("\n", " ")
    assert f"{resampling.RESAMPLES:,} resamples" in text
    assert f"below {resampling.LEAST_SAMPLES} samples" in text
    assert f"up to {resampling.EXACT_SAMPLES} samples" in text
    assert f"±{100 * MARGIN:g} point" in text
    assert f"at {100 * ALPHA:g} %" in text


def test_the_example_suite_is_a_suite(tmp_path: Path) -> None:
    """docs/examples/quality.toml is read without complaint where its files are."""
    import shutil

    from bench.suite.suite import load_suite

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


def test_where_fields_come_from_is_in_the_table_of_the_code() -> None:
    """Each part with its fields by origin, and each field that is kept as stated with the reason."""
    from bench.store.origins import KEPT, ORIGINS

    order = ("computed", "checked", "asked", "seen", "kept")
    expected = [
        [f"`{part or 'record'}`", *(", ".join(f"`{name}`" for name in of.get(one, "").split()) for one in order)]
        for part, of in ORIGINS.items()
    ]
    assert expected == table("record", "part", "### Where each field comes from")
    assert [[f"`{path}`", why] for path, why in KEPT.items()] == table("record", "kept", "### What is kept as stated")


@pytest.mark.parametrize(("kind", "path"), PARTS.items(), ids=PARTS.values())
def test_every_field_of_a_record_is_described(kind: Any, path: str) -> None:
    """Each part has a table that lists exactly its fields, in their order."""
    expected = [field.encode_name for field in msgspec.structs.fields(kind)]
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
    stated = re.findall(r"(\d+) ", say("cli.epilog.odb").partition("Exit status:")[2].replace("\n", " "))
    assert stated == [row[0] for row in table("record", "status")]


def test_the_schema_version_is_the_codes() -> None:
    """The page of the record states the version that is written."""
    from bench.record.record import SCHEMA_VERSION

    assert f"`schema_version` is {SCHEMA_VERSION}." in text_of("record")


def test_the_house_is_as_drawn() -> None:
    """The architecture names every module, and none that is not there."""
    drawing = next(block.text for block in blocks(text_of("architecture")) if block.text.startswith("bench/"))
    drawn, folder = set(), Path()
    for line in drawing.splitlines():
        top = re.match(r"(\w+)/", line)
        folder = Path(top[1]) if top else folder
        inner = re.match(r"  ((?:\w+/)+) ", line)
        drawn |= {folder / (inner[1] if inner else "") / name for name in re.findall(r"[\w/]+\.py", line)}
    built = {path.relative_to(ROOT) for top in HOUSE for path in (ROOT / top).rglob("*.py")}
    assert drawn == {path for path in built if path.name != "__init__.py"}


def test_the_number_of_socs_is_right() -> None:
    """The README and the change log count the SoCs."""
    from bench.targets.qnn.socs import SOCS

    assert f"one\n  of {len(SOCS)} Qualcomm SoCs" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"emulator for {len(SOCS)} SoCs" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_readme_states_the_power_that_was_measured() -> None:
    """How often a slowdown is found in turns, and without: the table of docs/experiments.md."""
    rows = table("experiments", "model", "## Power")
    in_turns, one_by_one = ({int(row[i].removesuffix(" %")) for row in rows} for i in (1, 2))
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"slowdown of 5 % [in {min(in_turns)} % of comparisons]" in readme
    assert f"found it in {min(one_by_one)} to {max(one_by_one)} %" in readme


def test_groups_of_codes_are_those_of_the_code() -> None:
    """What --fail-on takes beside the codes: each group, what it stands for, and its codes."""
    from bench.analysis.verdict.fail_on import GROUPS, group_meaning
    from bench.analysis.verdict.judge import CODES

    def codes(group: str) -> str:
        return ", ".join(f"`{name}`" for name, known in CODES.items() if known.group == group) or "–"

    assert [[f"`{name}`", str(group_meaning(name)), codes(name)] for name in GROUPS] == table("verdicts", "group")


def test_the_first_command_hides_no_wrong_output() -> None:
    """What the README has a newcomer paste ends with the status of odb run, which names wrong outputs and failures."""
    from bench.analysis.verdict.fail_on import checked_fail_on
    from bench.cli.run_command import command

    (line,) = re.findall(r"^    (python3 -m venv .*odb run.*)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    before, _, words = line.partition(".venv/bin/odb run ")
    assert before.endswith("&& ")
    assert not set("|;&") & set(words)
    asked = command.make_context("run", shlex.split(words)).params["fail_on"]
    assert ("outputs", "failed") == checked_fail_on(asked)
