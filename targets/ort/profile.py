"""Times of nodes from ONNX Runtime's own profile: a JSON file of events, which a session writes when profiling ends.

An execution is an event ``model_run``; the kernels that began during it are its nodes. Times are whole microseconds.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from bench.contracts import Artifact, Profile, ProfiledOperator
from bench.errors import RunFailure
from bench.reading import NOT_DECODED
from bench.targets.ort.errors import RENAMED
from bench.targets.ort.node_names import naming
from bench.words import sentence

SOURCE = "ONNX Runtime enable_profiling"
KERNEL = "_kernel_time"
BLOCKED = "_nchwc"
"""What the layout of blocked channels appends to a node's name."""
CONTAINERS = frozenset(("If", "Loop", "Scan", "SequenceMap", "BeamSearch", "GreedySearch", "Sampling"))
"""Operators whose time contains that of the nodes of their subgraphs."""


class Node(Struct, frozen=True):
    """A node as the profile names it. ``kernel``: what is known of its implementation."""

    name: str
    op: str
    provider: str
    kernel: str = ""


class Spent(Struct):
    """What a node took in one execution, without the nodes inside it."""

    time_us: int = 0
    calls: int = 0


Execution = dict[Node, Spent]


def executions(events: Sequence[Mapping[str, Any]]) -> list[Execution]:
    """Each execution of the session, in order."""
    found: list[Execution] = []
    open_containers: list[tuple[int, Spent]] = []
    for event in sorted(events, key=lambda event: (event.get("ts", 0), -event.get("dur", 0))):
        if event.get("cat") == "Session" and event.get("name") == "model_run":
            found.append({})
            open_containers = []
        elif found and event.get("cat") == "Node" and str(event["name"]).endswith(KERNEL):
            _take(event, found[-1], open_containers)
    return found


def _take(event: Mapping[str, Any], execution: Execution, containers: list[tuple[int, Spent]]) -> None:
    """Adds a kernel, and takes its time from the innermost container that it ran in. ``containers``: the end of each,
    in the clock of the profile, and its node."""
    told, begin, took = event.get("args", {}), int(event["ts"]), int(event["dur"])
    while containers and begin + took / 2 > containers[-1][0]:
        containers.pop()
    spent = execution.setdefault(_node(event["name"], told), Spent())
    spent.time_us += took
    spent.calls += 1
    if containers:
        containers[-1][1].time_us -= took
    if told.get("op_name") in CONTAINERS:
        containers.append((begin + took, spent))


def _node(event_name: str, told: Mapping[str, Any]) -> Node:
    name = event_name.removesuffix(KERNEL)
    blocked = name.endswith(BLOCKED)
    name = RENAMED.sub("", name.removesuffix(BLOCKED))
    return Node(name, str(told.get("op_name", "")), str(told.get("provider", "")), "NCHWc" if blocked else "")


class ProfiledRuns:
    """The runs of one or several sessions that profile, and the part that each belongs to."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._part = ""
        self._sessions: list[Any] = []
        self.runs: list[tuple[int, str]] = []

    def watched(self, session: Any) -> Any:
        """``session``, with its runs noted."""
        self._sessions.append(session)
        return WatchedSession(session, self, len(self._sessions) - 1)

    def part(self, name: str) -> None:
        self._part = name

    def ran(self, session: int) -> None:
        self.runs.append((session, self._part))

    def profiles(self, devices: Mapping[str, str]) -> dict[str, Profile]:
        """Ends profiling. Each part. ``devices``: execution provider -> the device that it stands for. Raises
        ``RunFailure`` if a file has fewer executions than there were runs."""
        return {part: profile_of(each, devices, self._artifact) for part, each in self.ended().items()}

    def ended(self) -> dict[str, list[Execution]]:
        """Ends profiling. The executions of each part, in order."""
        told = [iter(executions(_events(Path(session.end_profiling())))) for session in self._sessions]
        parts: dict[str, list[Execution]] = {}
        for session, part in self.runs:
            execution = next(told[session], None)
            if execution is None:
                raise incomplete()
            if part:
                parts.setdefault(part, []).append(execution)
        return parts


class WatchedSession:
    """An ``InferenceSession`` whose runs are noted."""

    def __init__(self, session: Any, runs: ProfiledRuns, number: int) -> None:
        self._session, self._runs, self._number = session, runs, number

    def run(self, *given: Any) -> Any:
        try:
            return self._session.run(*given)
        finally:  # a run that fails is an event of the profile, too
            self._runs.ran(self._number)

    def run_with_iobinding(self, *given: Any) -> None:
        try:
            self._session.run_with_iobinding(*given)
        finally:
            self._runs.ran(self._number)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def profile_of(each: Sequence[Execution], devices: Mapping[str, str], artifact: Artifact) -> Profile:
    """``executions`` of one part, with nodes called as in the file of ``artifact``."""
    nodes = dict.fromkeys(node for execution in each for node in execution)
    named, operators = naming(artifact, {node.name for node in nodes}), []
    for node in nodes:
        spent = [execution.get(node, Spent()) for execution in each]
        operators.append(
            ProfiledOperator(
                name=named(node.name, node.op),
                op=node.op,
                device=devices.get(node.provider, node.provider),
                kernel=node.kernel,
                times_ns=tuple(max(0, one.time_us) * 1_000 for one in spent),
                calls=max(one.calls for one in spent),
            )
        )
    return Profile(source=SOURCE, executions=len(each), operators=tuple(operators))


def _events(file: Path) -> list[dict[str, Any]]:
    """Raises ``RunFailure`` for a file that is not whole, as on a full disk."""
    try:
        events = json.loads(file.read_bytes())
    except (OSError, *NOT_DECODED):
        raise incomplete() from None
    return [event for event in events if isinstance(event, dict)]


def incomplete() -> RunFailure:
    """The runtime's file does not hold all that was executed."""
    return RunFailure("runtime_error", sentence("ort.profile_incomplete"), sentence("ort.profile_room"), "profile")


def profiling(made: Any, folder: Path | None) -> None:
    """Have ``made``, session options, write a profile into ``folder``, if there is one."""
    if folder is not None:
        made.enable_profiling = True
        made.profile_file_prefix = str(folder / "onnxruntime")
