"""A limited address space is refused in words, before native code hangs or crashes in it."""

import subprocess
import sys

import pytest

from bench.errors import InputError
from bench.machine.address_space import needed_bytes, refuse_less

MIB = 1 << 20


@pytest.mark.parametrize(
    ("processors", "threads", "mebibytes"),
    [
        (1, None, 612),
        (2, None, 712),
        (64, None, 6912),
        (256, None, 6912),
        (64, "1", 612),
        (2, "64", 712),
        (2, "x", 712),
        pytest.param(2, "9" * 5000, 712, id="5000 digits"),
    ],
)
def test_more_threads_need_more(processors: int, threads: str | None, mebibytes: int) -> None:
    assert mebibytes * MIB == needed_bytes(processors, threads)


def test_the_limit_and_what_is_needed_are_named() -> None:
    refuse_less(712 * MIB, 712 * MIB)
    with pytest.raises(InputError, match=r"limited to 292 MiB \(ulimit -v\), but 712 MiB are needed"):
        refuse_less(300_000 << 10, 712 * MIB)


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="ulimit -v is not enforced everywhere")
@pytest.mark.parametrize("arguments", [["run"], ["doctor"], ["list", "targets"]])
def test_odb_ends_at_once(arguments: list[str]) -> None:
    """Status 2 and a sentence, where it used to spin or to end in a traceback; --help still works."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (300_000 << 10, -1)); sys.argv[0] = 'odb'; "
        "from bench.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert (2, True) == (done.returncode, done.stderr.startswith("odb: error: the address space is limited to 292 MiB"))
    helped = subprocess.run([sys.executable, "-c", code, "run", "--help"], capture_output=True, timeout=60, check=False)
    assert 0 == helped.returncode
