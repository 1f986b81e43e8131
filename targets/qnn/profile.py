"""Cycles of operators from QNN's own profile (``profiling_level=detailed``): a CSV file that each execution of a
compiled graph appends to. The provider's nodes themselves, and those left to the CPU, are in ONNX Runtime's profile.

A row is ``0,NODE,127984,CYCLES,BACKEND,SUB-EVENT,name:OpId_26 (cycles)``; an execution ends with the row of the event
``QNN (execute) time``. An operator that the compiler fused into another takes 0 cycles. The level ``optrace`` tells no
more of them, and writes a file into the current folder.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.contracts import Artifact, Profile, ProfiledOperator
from bench.targets.ort.errors import RENAMED
from bench.targets.ort.profile import Execution, Node, ProfiledRuns, incomplete, profile_of
from bench.targets.qnn.devices import PROVIDER

SOURCE = "QNN profiling_level=detailed"
LEVEL = {"profiling_level": "detailed"}
FILE = "profiling_file_path"
OPERATOR = re.compile(r"^(?P<name>.*?)[: ]OpId_(?P<id>\d+)(?: \(cycles\))?$")
GRAPH = "QNN graph"
"""The operator of a node that stands for a whole compiled graph."""

Cycles = dict[tuple[str, str], int]
"""Name and identifier of an operator -> cycles of one execution of a graph."""


def options(folder: Path | None, name: str) -> dict[str, str]:
    """Provider options that have the graph ``name`` profiled, if there is a folder."""
    return {} if folder is None else LEVEL | {FILE: str(_file(folder, name))}


def executions(text: str) -> list[Cycles]:
    """Each execution of a compiled graph, in order."""
    found: list[Cycles] = []
    current: Cycles = {}
    for line in text.splitlines():
        cells = line.split(",", 6)
        if len(cells) < 7:
            continue
        _, message, value, unit, _, level, event = cells
        if message == "EXECUTE" and level == "ROOT":
            found.append(current)
            current = {}
        elif message == "NODE" and unit == "CYCLES" and (named := OPERATOR.match(event.strip('"'))):
            current[RENAMED.sub("", named["name"]), named["id"]] = int(value)
    return found


class QnnRuns(ProfiledRuns):
    """``names``: of the graphs, one a session. ``operators``: of the model's nodes, by name."""

    def __init__(self, artifact: Artifact, folder: Path, names: Sequence[str], operators: Mapping[str, str]) -> None:
        super().__init__(artifact)
        self._files = [_file(folder, name) for name in names]
        self._operators = operators

    def profiles(self, devices: Mapping[str, str]) -> dict[str, Profile]:
        """ONNX Runtime's nodes with their times, and the operators inside the compiled graphs with their cycles, where
        QNN wrote them. Raises ``RunFailure`` for another number of executions than there were runs."""
        nodes = {part: [_graphs_named(one) for one in each] for part, each in self.ended().items()}
        cycles = self._cycles()
        found = {}
        for part, each in nodes.items():
            told = profile_of(each, devices, self._artifact)
            inside = self._inside(cycles.get(part, []), devices[PROVIDER])
            source = f"{told.source}; {SOURCE}" if inside else told.source
            operators = (*told.operators, *inside)
            found[part] = Profile(source=source, executions=told.executions, operators=operators)
        return found

    def _cycles(self) -> dict[str, list[Cycles]]:
        """Each part's executions of sessions. A session may execute several graphs a run."""
        per_run = []
        for session, file in enumerate(self._files):
            runs = sum(1 for ran, _ in self.runs if ran == session)
            written = executions(file.read_text("utf-8", "replace")) if file.is_file() else []
            if written and (not runs or len(written) % runs):
                raise incomplete()
            graphs = len(written) // runs if runs else 0
            per_run.append(iter([_joined(written[i * graphs : (i + 1) * graphs]) for i in range(runs)]))
        parts: dict[str, list[Cycles]] = {}
        for session, part in self.runs:
            execution = next(per_run[session])
            if part:
                parts.setdefault(part, []).append(execution)
        return parts

    def _inside(self, each: Sequence[Cycles], device: str) -> tuple[ProfiledOperator, ...]:
        keys = dict.fromkeys(key for execution in each for key in execution)
        return tuple(
            ProfiledOperator(
                name=name,
                op=self._operators.get(name, name if name in ("Input", "Output") else ""),
                device=device,
                cycles=tuple(execution.get((name, identifier), 0) for execution in each),
            )
            for name, identifier in keys
        )


def _joined(graphs: Sequence[Cycles]) -> Cycles:
    """Several graphs of one run. Their identifiers may be the same."""
    return {(name, f"{i}.{number}"): n for i, graph in enumerate(graphs) for (name, number), n in graph.items()}


def _graphs_named(execution: Execution) -> Execution:
    return {_graph(node): spent for node, spent in execution.items()}


def _graph(node: Node) -> Node:
    return Node(node.name, GRAPH, node.provider) if node.provider == PROVIDER else node


def _file(folder: Path, name: str) -> Path:
    return folder / f"qnn-{name}.csv"


def runs(artifact: Artifact, folder: Path | None, names: Sequence[str], nodes: Sequence[Any]) -> QnnRuns | None:
    """For sessions of the graphs ``names``; ``None`` unless they profile. ``nodes``: as they were assigned."""
    return None if folder is None else QnnRuns(artifact, folder, names, {node.name: node.op for node in nodes})
