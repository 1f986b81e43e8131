"""The rules of the house, read from the imports."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNTIMES = ("onnxruntime", "onnxruntime_qnn", "openvino", "openvino_genai", "onnxruntime_genai")
HEAVY = (*RUNTIMES, "matplotlib", "scipy", "jinja2", "PIL", "onnx", "tflite", "rich", "psutil")


def modules(folder: str) -> list[Path]:
    return sorted(p for p in (ROOT / folder).rglob("*.py") if "egg-info" not in str(p))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_top(path: Path) -> list[str]:
    """Names imported when the module is imported: not inside functions, not for type checkers only."""
    names: list[str] = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        names += imported(node)
    return names


def everywhere(path: Path) -> list[str]:
    return list(imported(ast.parse(path.read_text(encoding="utf-8"))))


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == p or name.startswith(p + ".") for p in packages)


@pytest.mark.parametrize("path", modules("bench"), ids=str)
def test_engine_reaches_plugins_by_name_only(path: Path) -> None:
    """bench/ never imports models, targets or reports."""
    assert [n for n in everywhere(path) if within(n, ("bench.models", "bench.targets", "bench.reports"))] == []


@pytest.mark.parametrize("path", [p for f in ("bench", "models", "reports") for p in modules(f)], ids=str)
def test_runtimes_are_imported_in_targets_only(path: Path) -> None:
    """onnxruntime and openvino are imported nowhere but in targets/."""
    assert [n for n in everywhere(path) if within(n, RUNTIMES)] == []


def test_models_and_targets_meet_in_the_contracts() -> None:
    """Models import no target, targets no model, reports neither."""
    crossed = {
        "models": ("bench.targets", "bench.reports"),
        "targets": ("bench.models", "bench.reports"),
        "reports": ("bench.models", "bench.targets", "bench.execution", "bench.process", "bench.machine"),
    }
    wrong = [
        (str(p), n) for folder, no in crossed.items() for p in modules(folder) for n in everywhere(p) if within(n, no)
    ]
    assert wrong == []


@pytest.mark.parametrize("path", [p for f in ("bench", "models", "targets") for p in modules(f)], ids=str)
def test_heavy_packages_are_imported_late(path: Path) -> None:
    """No module of the engine, a model or a target imports a runtime or a drawing library at its top."""
    assert [n for n in at_top(path) if within(n, HEAVY)] == []


@pytest.mark.parametrize("path", modules("bench/measure"), ids=str)
def test_measuring_code_neither_prints_nor_reads_flags(path: Path) -> None:
    """measure/ knows no click, no rich and no print."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    printed = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "print"]
    assert (printed, [n for n in everywhere(path) if within(n, ("click", "rich", "bench.cli"))]) == ([], [])


@pytest.mark.parametrize("path", modules("bench"), ids=str)
def test_only_the_command_line_exits(path: Path) -> None:
    """sys.exit and click stay in bench/cli; the worker leaves by os._exit alone."""
    if path.is_relative_to(ROOT / "bench" / "cli"):
        pytest.skip("the command line itself")
    exits = [
        n.lineno
        for n in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(n, ast.Attribute) and n.attr == "exit" and getattr(n.value, "id", "") == "sys"
    ]
    assert (exits, [n for n in everywhere(path) if within(n, ("click",))]) == ([], [])


@pytest.mark.process
@pytest.mark.parametrize("arguments", [["--help"], ["list", "models"]])
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    """`odb --help` and `odb list models` import no numpy, no runtime and no plotting library."""
    code = (
        "import sys; from bench.cli.group import odb\n"
        "try: odb.main(sys.argv[1:], standalone_mode=False)\n"
        "finally: print('HEAVY', sorted({m.split('.')[0] for m in sys.modules} & "
        "{'numpy','onnxruntime','openvino','matplotlib','scipy','onnx','tflite','PIL','psutil'}))"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("HEAVY []")


def test_files_stay_readable() -> None:
    """No source file has grown past 400 lines, and no file of the tests."""
    long = {
        str(p.relative_to(ROOT)): n
        for f in ("bench", "models", "targets", "reports", "tests")
        for p in modules(f)
        if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
