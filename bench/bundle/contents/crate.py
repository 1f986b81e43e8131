"""``ro-crate-metadata.json``: the bundle described as RO-Crate 1.1, its runs as a Process Run Crate 0.5.

Each record is a ``CreateAction``: this program (``instrument``) made the record's files (``result``) of the model and
the suite (``object``). The crate's root is ``data``.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from bench import __version__
from bench.bundle.contents.bag import newest_of, payload_of
from bench.bundle.contents.descriptions import TOOL
from bench.bundle.contents.layout import CRATE, DATA, MODEL_LIST, RECORDS, SUITE, Facts
from bench.bundle.contents.lists import PackedModel
from bench.record.record import Record
from bench.submission.assessment import Assessment
from bench.submission.matching import is_of
from bench.submission.texts import Text, Texts

CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
CRATE_PROFILE = "https://w3id.org/ro/crate/1.1"
PROCESS_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
PROJECT = "https://pypi.org/project/ondevice-bench/"
UNDATED = "1980-01-01"
TYPES: Mapping[str, str] = {
    ".json": "application/json",
    ".toml": "application/toml",
    ".npz": "application/zip",
    ".html": "text/html",
    ".txt": "text/plain",
}


def crate_of(assessment: Assessment, models: tuple[PackedModel, ...], files: Mapping[str, Facts]) -> dict[str, Any]:
    """The crate of a bundle with ``files``."""
    payload = {name: facts for name, facts in payload_of(files).items() if name != CRATE}
    records = [run.record for run in sorted(assessment.runs, key=lambda run: run.record.record_id)]
    actions = [_action(record, assessment, models, payload) for record in records]
    versions = sorted({record.tool.version for record in records} | {__version__})
    absent = [_absent_model(one) for one in models if not one.packed]
    graph = [
        _descriptor(),
        _root(assessment, payload, actions),
        {"@id": PROCESS_PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {"@id": "#licence", "@type": "CreativeWork", "name": "Licence", "description": _licences(assessment)},
        *(_program(version) for version in versions),
        *_applicant(assessment),
        *(_file(name, facts) for name, facts in sorted(payload.items())),
        *absent,
        *actions,
    ]
    return {"@context": CONTEXT, "@graph": graph}


def files_named(crate: Any) -> Iterator[str]:
    """The files that a crate describes, relative to its root, still quoted as in a URI. What has another form is left
    out."""
    graph = crate.get("@graph") if isinstance(crate, dict) else None
    for entity in graph if isinstance(graph, list) else ():
        if isinstance(entity, dict) and entity.get("@type") == "File" and isinstance(entity.get("@id"), str):
            yield entity["@id"]


def in_one_language(text: Text) -> str:
    """``text``, whatever language is spoken: of two the English."""
    return (text.en or text.ko) if isinstance(text, Texts) else text


def _descriptor() -> dict[str, Any]:
    about = {"@id": "./"}
    return {"@id": "ro-crate-metadata.json", "@type": "CreativeWork", "conformsTo": _ref(CRATE_PROFILE), "about": about}


def _root(assessment: Assessment, payload: Mapping[str, Facts], actions: list[dict[str, Any]]) -> dict[str, Any]:
    project = assessment.submission.project
    name = in_one_language(project.name) or f"Submission for the track {assessment.submission.track}"
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": name,
        "description": in_one_language(project.summary) or name,
        "datePublished": newest_of(assessment.runs) or UNDATED,
        "license": _ref("#licence"),
        "conformsTo": _ref(PROCESS_PROFILE),
        "hasPart": [_ref(_uri(one)) for one in sorted(payload)],
        "mentions": [_ref(action["@id"]) for action in actions],
    } | ({"author": _ref("#applicant")} if in_one_language(assessment.submission.applicant.organisation) else {})


def _licences(assessment: Assessment) -> str:
    stated = [f"{one.id}: {one.licence}" for one in assessment.submission.models if one.licence]
    return "Models: " + "; ".join(stated) if stated else "No licence is stated; all rights stay with the applicant."


def _program(version: str) -> dict[str, Any]:
    return {
        "@id": _program_id(version),
        "@type": "SoftwareApplication",
        "name": TOOL,
        "softwareVersion": version,
        "url": PROJECT,
    }


def _program_id(version: str) -> str:
    return f"{PROJECT}{quote(version)}/"


def _applicant(assessment: Assessment) -> Iterator[dict[str, Any]]:
    name = in_one_language(assessment.submission.applicant.organisation)
    if name:
        yield {"@id": "#applicant", "@type": "Organization", "name": name}


def _file(name: str, facts: Facts) -> dict[str, Any]:
    suffix = f".{name.rpartition('.')[2]}"
    found = {
        "@id": _uri(name),
        "@type": "File",
        "name": name.rpartition("/")[2],
        "contentSize": str(facts.size_bytes),
        "sha256": facts.sha256,
    }
    return found | {"encodingFormat": TYPES.get(suffix, "application/octet-stream")}


def _absent_model(model: PackedModel) -> dict[str, Any]:
    known = {"sha256": model.sha256} if model.sha256 else {}
    return {"@id": f"#model-{quote(model.id)}", "@type": "CreativeWork", "name": f"Model {model.id}"} | known


def _action(
    record: Record, assessment: Assessment, models: tuple[PackedModel, ...], payload: Mapping[str, Facts]
) -> dict[str, Any]:
    folder = f"{RECORDS}{record.record_id}/"
    named = {one.id for one in assessment.submission.models if is_of(record, one)}
    measured = [one for one in models if one.id in named]
    used = [_uri(f"{DATA}{file.name}") for one in measured if one.packed for file in (*one.files, *one.beside)]
    used += [f"#model-{quote(one.id)}" for one in measured if not one.packed]
    status = "CompletedActionStatus" if record.status == "ok" else "FailedActionStatus"
    agent = in_one_language(assessment.submission.applicant.organisation)
    return {
        "@id": f"#run-{quote(record.record_id)}",
        "@type": "CreateAction",
        "name": f"odb run: {record.plan.model.id} on {record.plan.target.id}, {record.plan.scenario.name}",
        "description": "One run measured by odb: the record of its results and its raw samples.",
        "instrument": _ref(_program_id(record.tool.version)),
        "object": [_ref(one) for one in [*used, _uri(SUITE), _uri(MODEL_LIST)]],
        "result": [_ref(_uri(name)) for name in sorted(payload) if name.startswith(folder)],
        "endTime": record.created_utc,
        "actionStatus": f"http://schema.org/{status}",
    } | ({"agent": _ref("#applicant")} if agent else {})


def _uri(name: str) -> str:
    """A file's name relative to the crate's root."""
    return quote(name.removeprefix(DATA))


def _ref(identifier: str) -> dict[str, str]:
    return {"@id": identifier}
