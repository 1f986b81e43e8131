"""Who may import whom, read from all imports: those inside functions and those for types alone count as well."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"bench": "bench", "models": "bench.models", "targets": "bench.targets", "reports": "bench.reports"}

FLOORS = """
    printable interrupts parent entry_points progress
    words
    errors
    digest
    reading scratch parallel
    toml
    contracts plugins
    scenarios settings
    record
    minutes
    stats
    machine
    analysis
    frames
    suite
    store
    power
    comparison
    nights racks
    gate
    submission
    tuning
    bundle
    reproduce
    review
    preflight
    jobs
    inputs
    measure
    quality
    pipelines
    passes
    process
    testing
    execution
    devices
    quantising
    reporting
    scripting
    fleet
    pytesting
    cli
"""
"""The rooms of bench/, from the ground up. A room imports those on floors below its own, and none beside it."""

PLUGIN_FLOORS = {
    "models": (
        "counting dtypes random_numbers role_graph shapes | traffic input_roles picture_range demanded_sizes | onnx | "
        "build_cache built altered | sllm checkpoints vision | files"
    ),
    "targets": (
        "processor distributions safe_options compiled_graphs decoding feeds onnx_graphs onnx_nodes onnx_precision "
        "runners plain_decoder quantisable shifted_products | attention_form grouped_attention | "
        "ort openvino | qnn | ort_genai"
    ),
    "reports": (
        "templates words | view | charts | runs comparisons dossiers gates quantisations trends tunings | "
        "reviews preflights racks"
    ),
}
"""The same of the three other folders; here the rooms of one floor may know one another."""

SURFACE = frozenset(
    (
        "bench.contracts",
        "bench.contracts.element_types",
        "bench.contracts.names",
        "bench.contracts.quantising.stated",
        "bench.digest",
        "bench.entry_points",
        "bench.errors",
        "bench.progress",
        "bench.reading",
        "bench.scratch",
        "bench.words",
        "bench.words.units",
    )
)
"""What models and targets import of the engine; tests/bench/test_public_surface.py pins their names."""

UNMEASURED = ("comparison", "analysis", "stats", "record")
MEASURING = ("machine", "inputs", "measure", "quality", "passes", "process", "execution")

NAMED_BY_STRING = {
    "bench/scripting/comparison_writers.py": "the writers of a comparison are no plugins yet",
}
"""Files of the engine that name a module of models, targets or reports, and why."""

LATE = {
    "bench/cli": "`odb --help` and completion import no command; a command imports what it was asked for",
    "bench/pytesting/plugin.py": "pytest imports it in every project: what measures comes with a test that uses it",
    "bench/process/worker.py": "the pipe is claimed before anything is imported that could print",
    "models": "`odb list models` imports every model's module: what reads or writes a file comes with the file",
    "targets": "`odb list targets` imports every target's module: sessions come with the runtime",
}
"""Where own modules are imported inside functions, and why. Elsewhere only where a heavy package begins."""

HEAVY = frozenset(
    """
    numpy scipy ml_dtypes onnx PIL psutil jinja2 rich click pycocotools distributed tornado cryptography
    """.split()
)
WIDEST = 16


def name_of(path: Path) -> str:
    """The dotted name of a source file."""
    top, *rest = path.relative_to(ROOT).with_suffix("").parts
    parts = [PACKAGES[top], *rest]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def files() -> Mapping[str, Path]:
    """Every source file by its dotted name."""
    found = [p for top in PACKAGES for p in sorted((ROOT / top).rglob("*.py")) if "egg-info" not in str(p)]
    return {name_of(path): path for path in found}


@cache
def tree_of(name: str) -> ast.Module:
    return ast.parse(files()[name].read_text(encoding="utf-8"))


def imports(node: ast.AST) -> Iterator[str]:
    """Own modules and foreign packages that ``node`` imports; of ``from package import module`` the module."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import):
            yield from (alias.name for alias in inner.names)
        elif isinstance(inner, ast.ImportFrom) and inner.module:
            for alias in inner.names:
                full = f"{inner.module}.{alias.name}"
                yield full if full in files() else inner.module


def own(names: Iterator[str]) -> set[str]:
    return {name for name in names if name in files()}


@cache
def graph() -> Mapping[str, frozenset[str]]:
    """The own modules that each imports, wherever in the file."""
    return {name: frozenset(own(imports(tree_of(name))) - {name}) for name in files()}


def room(name: str) -> str:
    """``comparison`` of ``bench.comparison.rules``; ``models/onnx`` of ``bench.models.onnx.facts``."""
    parts = name.split(".")[1:]
    if not parts:
        return "bench"
    return "/".join(parts[:2]) if parts[0] in PACKAGES else parts[0]


def floors() -> dict[str, int]:
    lines = [line.split() for line in FLOORS.strip().splitlines()]
    return {name: floor for floor, names in enumerate(lines) for name in names}


def plugin_floors() -> dict[str, int]:
    return {
        f"{top}/{name}": floor
        for top, text in PLUGIN_FLOORS.items()
        for floor, names in enumerate(text.split("|"))
        for name in names.split()
    }


def test_every_room_has_a_floor() -> None:
    """No folder or file of the engine, a model, a target or a report stands outside the list, and none is made up."""
    rooms = {room(name) for name in files()} - {"bench", "models", "targets", "reports"}
    assert rooms == floors().keys() | plugin_floors().keys()


def test_the_engine_imports_downwards() -> None:
    """A room of bench/ imports lower floors and itself, and never a plugin."""
    floor = floors()
    wrong = [
        (name, other)
        for name, others in graph().items()
        for other in others
        if room(name) in floor and room(other) not in ("bench", room(name))
        if floor.get(room(other), len(floor)) >= floor[room(name)]
    ]
    assert wrong == []


def test_plugins_import_downwards() -> None:
    """A room of models/, targets/ or reports/ imports its own floor and lower ones, and no other folder of plugins."""
    floor = plugin_floors()
    wrong = [
        (name, other)
        for name, others in graph().items()
        for other in others
        if room(name) in floor and "/" in room(other)
        if room(name).partition("/")[0] != room(other).partition("/")[0] or floor[room(other)] > floor[room(name)]
    ]
    assert wrong == []


def circles() -> list[list[str]]:
    """Files that reach one another, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph()[name]):
            if other not in index:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in sorted(graph()):
        if name not in index:
            visit(name)
    return found


def test_no_files_import_each_other_in_a_circle() -> None:
    """Neither directly nor by way of others."""
    assert [] == circles()


def test_no_rooms_import_each_other_in_a_circle() -> None:
    """The same of the rooms of the three folders of plugins."""
    arrows = {(room(a), room(b)) for a, others in graph().items() for b in others if room(a) != room(b)}
    assert [] == sorted(pair for pair in arrows if pair[::-1] in arrows)


def reached(name: str) -> set[str]:
    seen, todo = {name}, [name]
    while todo:
        for other in graph()[todo.pop()] - seen:
            seen.add(other)
            todo.append(other)
    return seen


def test_comparing_reaches_nothing_that_measures() -> None:
    """Comparison, analysis, statistics and the record neither measure nor look at the machine, by whatever way."""
    wrong = [(n, o) for n in files() if room(n) in UNMEASURED for o in sorted(reached(n)) if room(o) in MEASURING]
    assert wrong == []


DRAWN = {"bench.stats.drawing": None, "bench.stats.processes": {"MIN_SAMPLES"}}
"""What reports import of the statistics: what is drawn, and the number of samples that a note states."""


def test_reports_compute_no_inference() -> None:
    """A writer asks ``bench.comparison`` for what is shown to differ; of the statistics it knows what it draws."""
    wrong = [
        (name, node.module, alias.name)
        for name in files()
        if room(name).startswith("reports")
        for node in ast.walk(tree_of(name))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bench.stats")
        for alias in node.names
        if node.module not in DRAWN or alias.name not in (DRAWN[node.module] or {alias.name})
    ]
    assert wrong == []


def test_models_and_targets_import_the_public_surface() -> None:
    """What a plugin of this project needs of the engine, anybody's may use."""
    wrong = [
        (name, other)
        for name, others in graph().items()
        for other in sorted(others - SURFACE)
        if room(name).startswith(("models", "targets"))
        if not other.startswith("bench." + room(name).partition("/")[0])
    ]
    assert wrong == []


def test_the_engine_names_no_plugin_module() -> None:
    """No string of bench/ is the name of a module of models, targets or reports, but where the table says why."""
    pattern = re.compile(r"bench\.(models|targets|reports)[\w.]*(:\w+)?")
    found = {
        files()[name].relative_to(ROOT).as_posix()
        for name in files()
        if room(name) in floors()
        for node in ast.walk(tree_of(name))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and pattern.fullmatch(node.value)
    }
    assert NAMED_BY_STRING.keys() == found


@cache
def loads(name: str) -> frozenset[str]:
    """The heavy packages that importing a module loads."""
    found: set[str] = set()
    for node in tree_of(name).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for other in imports(node):
                found |= loads(other) if other in files() else {other.partition(".")[0]} & HEAVY
    return frozenset(found)


def late(name: str) -> Iterator[str]:
    """Own modules that functions of a module import."""
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from own(imports(node))


def test_own_modules_are_imported_at_the_top() -> None:
    """Inside functions only where the table says why, or where a heavy package begins."""
    needless = {}
    for name, path in files().items():
        place = path.relative_to(ROOT).as_posix()
        if not any(place == p or place.startswith(f"{p}/") for p in LATE):
            wrong = sorted({n for n in late(name) if loads(n) <= loads(name)})
            needless.update({place: wrong} if wrong else {})
    assert {} == needless


@pytest.mark.parametrize("place", LATE)
def test_the_table_of_late_imports_is_not_out_of_date(place: str) -> None:
    """Every place in it still imports something late."""
    assert any(set(late(n)) for n, p in files().items() if p.is_relative_to(ROOT / place))


def test_no_folder_is_wide() -> None:
    """At most 16 Python files side by side, tests included."""
    counted = Counter(p.parent for top in (*PACKAGES, "tests") for p in (ROOT / top).rglob("*.py"))
    assert {} == {str(folder.relative_to(ROOT)): n for folder, n in counted.items() if n > WIDEST}
