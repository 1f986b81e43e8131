"""What a model file states that it was made from, step by step."""

from bench.contracts import Lineage, LineageStep
from bench.reports.words.names import known
from bench.words import say, units


def lineage_lines(lineage: Lineage | None) -> tuple[tuple[str, str, str], ...]:
    """Label, value and note of each step, the first one first; none where nothing is stated."""
    if lineage is None:
        return ()
    last = len(lineage.steps) - 1
    lines = []
    for index, step in enumerate(lineage.steps):
        note = _note(step)
        if index == last:
            note = say("report.parts", parts=[part for part in (note, _confirmed(lineage)) if part])
        lines.append((known(f"report.lineage.{step.kind}", step.kind), _value(step), note))
    return tuple(lines)


def _value(step: LineageStep) -> str:
    """``detector.onnx (float32 …, 1.2 MiB) by ondevice-bench 0.1.0 (onnxruntime 1.32.0): method minmax``."""
    tool = units.clean(step.tool)
    if step.versions:
        tools = ", ".join(f"{units.clean(name)} {units.clean(version)}" for name, version in step.versions.items())
        tool = say("report.lineage.tool", tool=tool, versions=tools)
    options = ", ".join(f"{units.clean(key)}={units.clean(value)}" for key, value in step.options.items())
    made = step.made_from
    if made is None:
        return say("report.lineage.by", tool=tool)
    source = f"{units.clean(made.name)} ({units.clean(made.format)}, {units.size(made.size_bytes)})"
    code = "report.lineage.from.options" if options else "report.lineage.from"
    return say(code, source=source, tool=tool, options=options)


def _note(step: LineageStep) -> str:
    parts = [] if step.made_from is None else [f"SHA-256 {units.clean(step.made_from.sha256)}"]
    if step.calibration is not None:
        found = step.calibration
        parts.append(say("report.lineage.calibration", samples=found.samples, sha256=units.clean(found.sha256)))
    return say("report.parts", parts=parts) if parts else ""


def _confirmed(lineage: Lineage) -> str:
    state = {True: "confirmed", False: "changed", None: "stated"}[lineage.confirmed]
    return say(f"report.lineage.is_{state}")
