"""The package where modules of POSIX do not exist, as on Windows."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
POSIX = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "readline", "syslog", "posix", "curses", "nis")
CALLS = (
    "fork forkpty getuid geteuid getgid getppid_of setsid setpgid killpg getpgid mkfifo mknod sched_getaffinity "
    "sched_setaffinity nice wait4 waitpid chown lchown chroot getloadavg sysconf confstr uname posix_spawn statvfs "
    "pread pwrite O_NOFOLLOW O_NONBLOCK O_CLOEXEC O_DIRECTORY"
).split()
"""Of ``os``: not on Windows."""
SIGNALS = "SIGKILL SIGHUP SIGBUS SIGQUIT SIGUSR1 SIGUSR2 SIGALRM SIGPIPE SIGCHLD SIGSTOP SIGCONT".split()
GUARDS = ("platform", "hasattr", "getattr", "ImportError", "AttributeError", "is_board")
"""What a condition, or a handler, around such a use contains."""

IMPORTING = """
import sys, pkgutil, importlib
import click, psutil, concurrent.futures, multiprocessing, tempfile, subprocess  # theirs to guard
import click._termui_impl, rich.console, numpy, onnx, PIL.Image
from importlib.util import find_spec
extra = find_spec("distributed") is not None
if extra: import distributed
for name in {posix!r}: sys.modules[name] = None
import bench
failed = []
for info in pkgutil.walk_packages(bench.__path__, "bench."):
    if info.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(info.name)
    except ImportError as error:
        if not extra and error.name == "distributed":
            continue
        failed.append(f"{{info.name}}: {{error}}")
print(len(failed), *failed, sep=chr(10))
"""


@pytest.mark.process
def test_every_module_can_be_imported_without_them() -> None:
    """None of them is needed by merely importing a module of the package."""
    code = IMPORTING.format(posix=[name for name in POSIX if name != "posix"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines() == ["0"]


def sources() -> list[Path]:
    return sorted(p for f in ("bench", "models", "targets", "reports") for p in (ROOT / f).rglob("*.py"))


def guarded(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether what stands around ``node``, or before it in its function, asks whether the system has such a thing."""
    text = []
    while node in parents:
        child, node = node, parents[node]
        if isinstance(node, ast.If | ast.IfExp):
            text.append(ast.unparse(node.test))
        if isinstance(node, ast.BoolOp):
            text.append(ast.unparse(node))
        if isinstance(node, ast.Try):
            text += [ast.unparse(handler.type) for handler in node.handlers if handler.type is not None]
        if isinstance(node, ast.FunctionDef | ast.Module):
            before = node.body[: node.body.index(child)] if child in node.body else node.body  # type: ignore[arg-type]
            text += [ast.unparse(one.test) for one in before if isinstance(one, ast.If)]
    return any(guard in one for guard in GUARDS for one in text)


def unguarded(path: Path) -> list[str]:
    """Uses of what only POSIX has, without a question before."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = []
    for node in ast.walk(tree):
        named = ""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id == "os" and node.attr in CALLS) or (node.value.id == "signal" and node.attr in SIGNALS):
                named = f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Import):
            named = ", ".join(alias.name for alias in node.names if alias.name in POSIX)
        if named and not guarded(node, parents):
            found.append(f"{path.relative_to(ROOT)}:{node.lineno} {named}")
    return found


def test_what_only_posix_has_is_used_where_it_was_asked_for() -> None:
    """Each use stands behind a question: the platform, ``hasattr``, or a handler of the error."""
    assert [one for path in sources() for one in unguarded(path)] == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import os\nos.killpg(1, 9)", 1),
        ("import os\nimport sys\nif sys.platform == 'win32':\n    pass\nelse:\n    os.killpg(1, 9)", 0),
        ("def f():\n    if sys.platform != 'linux':\n        return\n    import resource", 0),
        ("def f():\n    import resource", 1),
        ("try:\n    import fcntl\nexcept ImportError:\n    fcntl = None", 0),
        ("n = os.getuid() if hasattr(os, 'getuid') else 0", 0),
        ("n = not hasattr(os, 'getuid') or os.getuid()", 0),
    ],
)
def test_the_search_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, found: int) -> None:
    """It would notice an unguarded use."""
    file = tmp_path / "one.py"
    file.write_text(code)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert found == len(unguarded(file))
