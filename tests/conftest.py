"""What every test may use."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import pytest
from hypothesis import settings

from bench import plugins
from bench.contracts import Artifact, ModelRequest
from bench.jobs import Failed, Job, Result, Said, T, Worker, decode_answer, decode_job, done, encode_job, unheard
from bench.plugins import Catalog, discover
from bench.process.failure import failure_of
from bench.process.telemetry import switch_off
from bench.record.record import RecordedRun
from bench.suite.suite import ModelAsk, Suite, TargetAsk

pytest_plugins = ("tiers", "pytester")

settings.register_profile("unhurried", deadline=None)  # how long a test takes says nothing of what it shows
settings.load_profile("unhurried")
switch_off()  # the tests import runtimes themselves
os.environ["ODB_LANG"] = "en"  # what tests expect is English, whatever the locale

ROOT = Path(__file__).resolve().parents[1]
REALDATA = Path(os.environ.get("ODB_REALDATA", ROOT.parent / "shared" / "realdata"))
MISBEHAVING = ROOT / "tests" / "plugins" / "misbehaving.py"


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real models and photographs."""
    if not REALDATA.is_dir():
        pytest.skip(f"no real models: {REALDATA.name} is not beside the project; set ODB_REALDATA")
    return REALDATA


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of the tests' own: they leave the user's alone, and do not find what it holds."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ODB_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def own_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Locks of the tests' own: they wait for nobody who measures on this machine, and nobody for them."""
    folder = tmp_path_factory.mktemp("locks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ODB_LOCKS", str(folder))
        yield folder


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The installed plugins, and the misbehaving ones."""
    return discover([MISBEHAVING])


@pytest.fixture(scope="session")
def golden_ids(realdata: Path) -> list[int]:
    """stories260K's greedy ids, the prompt [1] first."""
    ids: list[int] = json.loads((realdata / "llm" / "stories260K" / "golden.json").read_text())["greedy_ids"]
    return ids


@pytest.fixture(scope="session")
def smollm2_gguf(realdata: Path) -> Path:
    """A trained language model of 135 million parameters in 4-bit blocks."""
    return realdata / "llm" / "smollm2-135m" / "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="session")
def smollm2(smollm2_gguf: Path, own_cache: Path) -> Callable[[str], Artifact]:
    """``smollm2(precision)``: the decoder made of that file, once for all tests of a process."""
    from bench.models.files.gguf_file import GgufFile

    return lambda precision: GgufFile().prepare(ModelRequest(str(smollm2_gguf), precision=precision), own_cache)


@pytest.fixture(scope="session")
def smollm2_golden(smollm2_gguf: Path) -> dict[str, Any]:
    """What others compute with it, and its exact weights in numpy."""
    golden: dict[str, Any] = json.loads((smollm2_gguf.parent / "golden.json").read_text())
    return golden


@pytest.fixture(scope="session")
def ort_genai_folder(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """stories260K as a folder of onnxruntime-genai. Its search options sample, so that greedy has to be asked for."""
    from genai_folders import write_ort_genai_folder

    return write_ort_genai_folder(realdata, tmp_path_factory.mktemp("stories-ort"))


@pytest.fixture(scope="session")
def openvino_genai_folder(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """stories260K as a folder of OpenVINO GenAI."""
    pytest.importorskip("openvino_tokenizers")
    from genai_folders import write_openvino_folder

    return write_openvino_folder(realdata, tmp_path_factory.mktemp("stories-openvino"))


@pytest.fixture
def run(tmp_path: Path, catalog: Catalog) -> Callable[..., list[RecordedRun]]:
    """``run(models, targets, **suite fields)``: measure in real processes, records under ``tmp_path / "out"``. One
    repeat of a tenth of a second, unless fields say otherwise. Whoever uses it is marked ``process``."""
    from bench.execution.suite_run import run_suite

    def measure(
        models: Sequence[str | ModelAsk], targets: Sequence[str | TargetAsk], **fields: object
    ) -> list[RecordedRun]:
        suite = Suite(
            models=tuple(ModelAsk(m) if isinstance(m, str) else m for m in models),
            targets=tuple(TargetAsk(t) if isinstance(t, str) else t for t in targets),
            **{"repeats": 1, "max_seconds": 0.1, **fields},  # type: ignore[arg-type]
        )
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        return run_suite(suite, catalog, out, cache=tmp_path / "cache")

    return measure


PROCESS_START_NS = 50_000_000


def play_here(
    job: Job[T],
    folder: Path,
    deadline_s: float,
    on_phase: Callable[[str], None] = lambda name: None,
    *,
    on_spawn: Callable[[Any], None] = lambda process: None,
    environment: Mapping[str, str] | None = None,
    on_part: Callable[[int], None] = lambda percent: None,
    on_said: Said = unheard,
) -> Result[T]:
    """As ``bench.process.supervisor.run_job``, without a process: the job and its answer are encoded and decoded as
    between two, and plugin files are imported anew."""
    folder.mkdir(parents=True, exist_ok=True)
    begin_ns, phase = perf_counter_ns(), "start"

    def announce(name: str) -> None:
        nonlocal phase
        phase = name
        on_phase(name)

    plugins._module_of.cache_clear()
    try:
        played = decode_job(encode_job(job)).play(Worker(folder, announce, PROCESS_START_NS, lambda satisfied: False))
        answer: T | Failed = decode_answer(done(played), job)
    except Exception as error:
        answer = failure_of(error, phase)
    return Result(answer, perf_counter_ns() - begin_ns, ())


@pytest.fixture(scope="session")
def plays_here() -> Callable[..., Result[Any]]:
    """What ``in_process`` plays jobs with, for fixtures of a whole module."""
    return play_here


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Probes, passes and repeats are played in the test's own process; only those of an alternation have theirs. A
    worker costs a third of a second and more, most of it for starting Python and importing numpy.

    For tests of what becomes of a job's answer, and only with fakes: no process, memory or CPU time is theirs. What a
    worker's process does is tested in ``tests/bench/process`` and ``tests/bench/execution``.
    """
    for module in ("runner", "probe"):
        monkeypatch.setattr(f"bench.execution.{module}.run_job", play_here)
    yield
    plugins._module_of.cache_clear()
