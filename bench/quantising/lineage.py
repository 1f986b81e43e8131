"""The lineage of a result: in its metadata, and in the file beside it."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bench import __version__
from bench.contracts import Artifact, CalibrationSet, LineageStep, MadeFrom, Method, Quantiser
from bench.contracts.names import file_model_id
from bench.contracts.quantising.lineage import Sidecar
from bench.contracts.quantising.stated import sidecar_of
from bench.digest import sha256_of
from bench.entry_points import versions
from bench.errors import InputError
from bench.plugins import Catalog
from bench.quantising.asked import QuantiseAsk, QuantisePlan, chosen_quantiser
from bench.quantising.outcome import Quantised
from bench.quantising.samples import calibration_sha256
from bench.reading import exists, is_folder
from bench.store.records import staging, write_new
from bench.suite.preprocessing import parse_preprocessing
from bench.words import sentence

TOOL = "ondevice-bench"
SUFFIXES = {"onnx": ".onnx", "openvino_ir": ".xml"}
WEIGHTS, PAGE = ".bin", ".html"


def made_from(artifact: Artifact) -> MadeFrom:
    return MadeFrom(artifact.path.name, artifact.format, artifact.sha256, artifact.size_bytes)


def calibration_set(plan: QuantisePlan) -> CalibrationSet:
    samples, preprocessing = plan.parts.calibrating, plan.ask.data.preprocessing
    stated = str(parse_preprocessing(preprocessing)) if preprocessing else ""
    return CalibrationSet(len(samples), calibration_sha256(samples), stated)


def steps(plan: QuantisePlan, quantiser: Quantiser, method: Method) -> tuple[LineageStep, ...]:
    """Those of the source, if it states any, and this one."""
    options = {"scheme": plan.ask.scheme, "quantiser": plan.plugin.name, "method": method.name, **method.options}
    if method.widened:
        options["layers_in_16_bits"] = ",".join(method.widened)
    before = plan.artifact.lineage.steps if plan.artifact.lineage is not None else ()
    this = LineageStep(
        kind="quantised",
        tool=f"{TOOL} {__version__}",
        made_from=made_from(plan.artifact),
        versions=versions(quantiser.requires),
        options=options,
        calibration=calibration_set(plan),
    )
    return (*before, this)


def result_of(ask: QuantiseAsk, output: Path | None, catalog: Catalog, force: bool) -> Path:
    """Where the result goes: ``output``, else ``MODEL.int8.onnx`` in the current folder. Raises ``InputError`` for the
    model itself, for a suffix of another format, and for a file that is there already, unless ``force``."""
    _, quantiser = chosen_quantiser(ask, catalog)
    suffix = SUFFIXES[quantiser.result]
    source = Path(ask.source)
    result = output or Path(f"{file_model_id(source)}.{ask.scheme}{suffix}")
    if result.suffix.lower() != suffix:
        raise InputError(
            sentence("quantise.other_suffix", file=result.name, suffix=suffix),
            sentence("quantise.name_output", example=result.with_suffix(suffix).name),
        )
    if exists(result) and exists(source) and result.samefile(source):
        raise InputError(sentence("quantise.over_the_source", file=result.name), sentence("quantise.name_another"))
    refuse_existing(result, force)
    if not is_folder(result.parent):
        raise InputError(sentence("quantise.no_such_folder", folder=result.parent), sentence("quantise.name_another"))
    return result


def refuse_existing(result: Path, force: bool) -> None:
    """Raises ``InputError`` for a file of the result that is there already, unless ``force``."""
    for name in (result, *written_beside(result)):
        if is_folder(name) or (exists(name) and not force):
            remedy = "quantise.name_another" if is_folder(name) else "quantise.exists.remedy"
            raise InputError(sentence("quantise.exists", file=name), sentence(remedy))


def written_beside(result: Path) -> tuple[Path, ...]:
    """What is written together with ``result``: its weights if they are a file of their own, its lineage, its page."""
    weights = (result.with_suffix(WEIGHTS),) if result.suffix.lower() == SUFFIXES["openvino_ir"] else ()
    return (*weights, sidecar_of(result), result.with_name(result.name + PAGE))


def not_over(source: Artifact, result: Path) -> None:
    """Raises ``InputError`` where a file that is written would replace one of the model's own, such as its weights."""
    for name in (result, *written_beside(result)):
        if exists(name) and any(exists(file) and name.samefile(file) for file in source.files):
            raise InputError(sentence("quantise.over_the_source", file=name.name), sentence("quantise.name_another"))


def with_result(outcome: Quantised, files: tuple[Path, ...], result: Path) -> Quantised:
    """The outcome with the file that was written, and the command that measures it: where it was seen to run, or on all
    targets that are here."""
    artifact_format = next(name for name, suffix in SUFFIXES.items() if suffix == result.suffix.lower())
    size_bytes = sum(file.stat().st_size for file in files)
    made = MadeFrom(result.name, artifact_format, sha256_of(files), size_bytes)
    words = ["odb", "run", "-m", str(result)]
    ran = next((one for one in outcome.placed if not one.failure), None)
    if ran is not None:
        words += ["-t", ran.target, *(word for key, value in ran.options.items() for word in ("-O", f"{key}={value}"))]
    return replace(outcome, result=made, command=shlex.join(words))


def sidecar(model: Path, files: tuple[Path, ...], lineage: tuple[LineageStep, ...]) -> bytes:
    """The file beside ``model``, which lies where it was made; ``files`` are all of it."""
    found = Sidecar(
        name=model.name,
        sha256=sha256_of(files),
        size_bytes=sum(file.stat().st_size for file in files),
        lineage=lineage,
    )
    return msgspec.json.format(msgspec.json.encode(found, order="deterministic"), indent=2) + b"\n"


def write_result(made: tuple[Path, ...], output: Path, lineage: tuple[LineageStep, ...]) -> tuple[Path, ...]:
    """Copy the files of a result, the one to open first, to ``output`` and beside it, with the file of its lineage. All
    of them are there or, where this is interrupted, what was there before. Raises ``OSError``."""
    names = [output, *(output.with_suffix(file.suffix) for file in made[1:]), sidecar_of(output)]
    with staging(output.parent) as staged:
        for file, name in zip(made, names, strict=False):
            write_new(staged / name.name, file.read_bytes())
        copies = tuple(staged / name.name for name in names[:-1])
        write_new(staged / names[-1].name, sidecar(copies[0], copies, lineage))
        _replace_all(names, staged)
    return tuple(names)


def _replace_all(names: Sequence[Path], staged: Path) -> None:
    """Move the files of ``staged`` to ``names``. What was there is kept in ``staged`` until all are moved, and put back
    where one cannot be."""
    kept = staged / "before"
    kept.mkdir()
    for name in names:
        if exists(name):
            write_new(kept / name.name, name.read_bytes())
    placed: list[Path] = []
    try:
        for name in names:
            placed.append(name)
            (staged / name.name).replace(name)
    except BaseException:
        for name in placed:
            before = kept / name.name
            if exists(before):
                before.replace(name)
            else:
                name.unlink(missing_ok=True)
        raise
