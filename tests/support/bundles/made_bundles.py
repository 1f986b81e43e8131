"""Submissions on disk with records of made-up figures, the bundles of them, and how a bundle is changed."""

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from bench import __version__
from bench.analysis.rules import rules_digest
from bench.bundle.archive import measured, write_archive
from bench.bundle.contents.bag import manifest
from bench.bundle.contents.layout import DATA, MANIFEST, TAG_MANIFEST, Facts
from bench.bundle.contents.toml import toml_bytes
from bench.bundle.packing import PackOptions, packing, write_bundle
from bench.record.asked import Asked, NamedFile
from bench.record.inputs import PlannedModel
from bench.record.record import PlacementSummary, Tool
from bench.store.derived import judged
from bench.store.records import save
from bench.submission.assessment import Assessment
from bench.submission.criterion import Criterion, Level
from bench.submission.form import (
    Measuring,
    Party,
    Project,
    Submission,
    SubmittedDevice,
    SubmittedModel,
    SubmittedScenario,
    SubmittedTarget,
)
from bench.submission.texts import Texts
from bench.suite.presets import PRESETS
from bench.testing.records import fake_run

WEIGHTS = b"not a graph, but bytes of a model\0\1\2" * 20
BOTH = Texts(ko="한국어", en="English")


def criterion(number: int, **fields: Any) -> Criterion:
    plain = {
        "id": f"p50-{number}",
        "title": Texts(ko="중앙값 지연시간", en="Median latency"),
        "metric": "summary.latency_ns.p50",
        "direction": "at_most",
        "target": 10.0,
        "unit": "ms",
        "weight": 50.0,
        "scenario": "single-stream",
        "evidence": ("device",),
        "method": BOTH,
        "conditions": BOTH,
        "reason": BOTH,
        "source": "https://example.org/table/3",
        "repeats": 6,
        "world_best": Level(value=3.0, holder="A lab", country="A country", source="A paper", conditions=BOTH),
        "before": Level(value=20.0, holder="The applicant", source="A log", conditions=BOTH),
    }
    return Criterion(**{**plain, **fields})


def submission(**fields: Any) -> Submission:
    """A whole form: one model, one target, two criteria."""
    plain = {
        "format": 1,
        "track": "inspection-drone",
        "rules": 1,
        "project": Project(name=Texts(ko="교량 점검", en="Bridge inspection"), summary=BOTH, period="2026"),
        "applicant": Party(
            organisation="Granite Vision Inc.", contact="hello@granitevision.kr", people=("Hong Gildong",)
        ),
        "demand_company": Party(organisation="Qualcomm"),
        "device": SubmittedDevice(name="Board 7", maker="A maker", soc="A chip", form_factor="board", notes="a note"),
        "measuring": Measuring(preset="standard", repeats=6),
        "models": (SubmittedModel(id="net", source="net.onnx", title="Net", licence="Apache-2.0"),),
        "targets": (SubmittedTarget(id="null:cpu"),),
        "scenarios": (SubmittedScenario(name="single-stream"),),
        "criteria": (
            criterion(1),
            criterion(2, id="size", metric="plan.model.size_bytes", unit="kB", target=100.0),
        ),
    }
    return Submission(**{**plain, **fields})


def write_submission(folder: Path, form: Submission | None = None, p50_ns: int = 4_000_000) -> Path:
    """``folder`` with the form, its model, and two records of it, six processes each."""
    folder.mkdir(parents=True, exist_ok=True)
    form = submission() if form is None else form
    (folder / "submission.toml").write_bytes(toml_bytes(form))
    (folder / "net.onnx").write_bytes(WEIGHTS)
    (folder / "records").mkdir(exist_ok=True)
    for number in (1, 2):
        add_record(folder, f"r{number}", p50_ns + 1000 * number)
    return folder


def add_record(folder: Path, record_id: str, p50_ns: int, name: str = "net.onnx", **fields: Any) -> None:
    parts = [np.arange(20, dtype=np.int64) * 100 + p50_ns + i * p50_ns // 500 for i in range(6)]
    model = PlannedModel("net", "tensor", "onnx", "float32", sha256(WEIGHTS).hexdigest(), len(WEIGHTS), 10, 10)
    run = fake_run(record_id, parts, model=model, asked=Asked("file", NamedFile(name)))
    placed = PlacementSummary("cpu", {"cpu": 3}, {"cpu": 10}, (), "runtime")
    created = f"2026-05-0{1 + len(list((folder / 'records').iterdir()))}T10:11:12+00:00"
    tool = Tool("ondevice-bench", __version__, rules_digest())
    plan = replace(run.record.plan, rule=PRESETS["quick"].rule, command="")
    record = replace(run.record, plan=plan, **{"placement": placed, "created_utc": created, "tool": tool, **fields})
    found = judged(replace(run, record=record)).plain()
    save(folder / "records", found.record, found.samples)


def dossier(assessment: Assessment, folder: Path) -> Mapping[str, bytes]:
    """A page with the figures, in place of the writers of dossiers."""
    rows = "".join(f"<tr><td>{row.criterion.id}<td>{row.seen.value}<td>{row.decision.word}" for row in assessment.rows)
    files = sorted(file.relative_to(folder).as_posix() for file in folder.glob("records/*/*"))
    return {f"dossier.{lang}.html": f"<table lang={lang}>{rows}</table>{files}".encode() for lang in ("ko", "en")}


def write_packed(folder: Path, file: Path, **options: Any) -> Path:
    """The bundle of the submission in ``folder``."""
    with packing(folder, PackOptions(**options), render=dossier) as made:
        write_bundle(made, file)
    return file


def files_of(bundle: Path) -> dict[str, bytes]:
    """Content by name, the top folder first."""
    with zipfile.ZipFile(bundle) as found:
        return {info.filename: found.read(info) for info in found.infolist()}


def write_files(path: Path, files: Mapping[str, bytes]) -> Path:
    """A bundle's archive of just those files."""
    stream = io.BytesIO()
    write_archive(stream, {name: measured(content) for name, content in files.items()})
    path.write_bytes(stream.getvalue())
    return path


def listed_anew(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """``files`` with manifests that list them, as somebody would make them who changed a file."""
    top = next(iter(files)).partition("/")[0]
    facts = {name.removeprefix(f"{top}/"): Facts(len(data), sha256(data).hexdigest()) for name, data in files.items()}
    payload = {name: one for name, one in facts.items() if name.startswith(DATA)}
    found = {**files, f"{top}/{MANIFEST}": manifest(payload)}
    tags = {name: one for name, one in facts.items() if not name.startswith(DATA) and name != TAG_MANIFEST}
    tags[MANIFEST] = Facts(0, sha256(found[f"{top}/{MANIFEST}"]).hexdigest())
    return {**found, f"{top}/{TAG_MANIFEST}": manifest(tags)}


@contextmanager
def changed(bundle: Path, name: str, change: Callable[[bytes], bytes]) -> Iterator[dict[str, bytes]]:
    """The files of a bundle, one of them changed and the manifests made anew."""
    files = files_of(bundle)
    full = next(one for one in files if one.endswith(f"/{name}"))
    yield listed_anew({**files, full: change(files[full])})
