"""Carries out one order: ``python -m bench.fleet.device.carrying FOLDER DEVICE HOURS PLUGIN…``, the child of an agent.

It measures as ``odb run`` does, with the order's files as its current folder, and writes one JSON line on stdout at
each boundary between timed parts, and one more if it could not measure. What libraries print goes to the log.
"""

import os
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.contracts.names import file_model_id, folder_model_id
from bench.errors import OdbError, RunFailure, disk_is_full
from bench.execution.suite_run import Listener
from bench.fleet.device.spool import FILES, ORDER, RECORDS
from bench.fleet.device.steady import HISTORY, drifted
from bench.fleet.orders import Order
from bench.parent import end_with_parent
from bench.plugins import discover
from bench.reading import is_file, is_folder
from bench.record.record import RecordedRun
from bench.record.runner import FleetDevice
from bench.scripting.measuring import measure
from bench.suite.plan import Plan, PlannedRun
from bench.suite.suite import Suite
from bench.words import Sentence, sentence

DRIFTS = "drifts"
"""Why an order is refused: the device has drifted, and is put into quarantine."""


class Said(Struct, frozen=True, kw_only=True):
    """A line of the child. ``kind``: of an ``Event``; ``refused``: with a code, a reason and a remedy. ``model``,
    ``target`` and ``scenario``: of the run."""

    kind: str
    text: Sentence | str = ""
    code: str = ""
    remedy: Sentence | str = ""
    model: str = ""
    target: str = ""
    scenario: str = ""


class Telling(Listener):
    """Writes a line for each event, and none from a repeat's first until the next repeat or the record."""

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self._is_planned, self._in_turn, self._turn_is_told = False, False, True

    def say(self, said: Said) -> None:
        os.write(self._stream, msgspec.json.encode(said) + b"\n")

    def planned(self, plan: Plan) -> None:
        self._is_planned = True

    def began(self, index: int, run: PlannedRun) -> None:
        self._in_turn = False
        self.say(Said(kind="began", model=run.model.id, target=run.target.id, scenario=run.scenario.name))

    def turn(self, index: int, run: PlannedRun) -> None:
        self._in_turn, self._turn_is_told = True, False

    def step(self, text: Sentence | str) -> None:
        if not self._is_planned:
            self.say(Said(kind="waits", text=text))
        elif not self._in_turn:
            self.say(Said(kind="step", text=text))
        elif not self._turn_is_told:  # which repeat it is; what follows is timed
            self._turn_is_told = True
            self.say(Said(kind="turn", text=text))

    def written(self, index: int, recorded: RecordedRun) -> None:
        self._in_turn = False
        self.say(Said(kind="written", text=recorded.record.record_id))


class TellingYardstick(Listener):
    """Says through ``telling`` who is waited for before a yardstick, and then that it is measured; nothing within."""

    def __init__(self, telling: Telling) -> None:
        self._telling, self._is_planned = telling, False

    def planned(self, plan: Plan) -> None:
        self._is_planned = True
        self._telling.say(Said(kind="turn", text=sentence("fleet.yardstick")))

    def step(self, text: Sentence | str) -> None:
        if not self._is_planned:
            self._telling.step(text)


def main(folder: Path, device: str, yardstick_hours: float, plugins: list[Path]) -> None:
    """Carry out the order in ``folder``. ``yardstick_hours``: how often it is looked whether the device has drifted; 0:
    never. ``plugins``: those of the agent."""
    end_with_parent()
    telling = Telling(os.dup(1))
    os.dup2(2, 1)
    order = msgspec.json.decode((folder / ORDER).read_bytes(), type=Order)
    suite = msgspec.json.decode(order.suite, type=Suite)
    os.chdir(folder / FILES)
    telling.say(of_order(suite))
    try:
        catalog = discover([*plugins, *(Path(name) for name in order.plugins)])
        fleet = FleetDevice(device=device, order=order.id)
        if yardstick_hours > 0:
            before, history = TellingYardstick(telling), folder.parents[1] / HISTORY
            drift = drifted(suite, catalog, folder, history, yardstick_hours * 3600, fleet, before)
            if drift is not None:
                telling.say(Said(kind="refused", code=DRIFTS, text=drift))
                return
        measure(suite, catalog, folder / RECORDS, listener=telling, fleet=fleet)
    except OdbError as error:
        code = code_of(error)  # what odb run advises for a full disk is about its own folder
        remedy = "" if code == "disk_full" else error.advice
        telling.say(Said(kind="refused", code=code, text=error.sentence, remedy=remedy))
    except OSError as error:
        if not disk_is_full(error):
            raise
        telling.say(Said(kind="refused", code="disk_full", text=error.strerror or str(error)))


def of_order(suite: Suite) -> Said:
    """What the order is of, before anything is read. A suite of more than one run, which no client sends, has no
    name."""
    if (len(suite.models), len(suite.targets), len(suite.scenarios)) != (1, 1, 1):
        return Said(kind="step")
    source = Path(suite.models[0].source)
    if is_folder(source):
        model = folder_model_id(source)
    else:
        model = file_model_id(source) if is_file(source) else suite.models[0].source
    return Said(kind="step", model=model, target=suite.targets[0].id, scenario=suite.scenarios[0].name)


def code_of(error: OdbError) -> str:
    """Why it could not be measured: ``disk_full``, or else ``cannot_plan``."""
    cause = error.__cause__ or error.__context__
    return "disk_full" if disk_is_full(cause) and not isinstance(error, RunFailure) else "cannot_plan"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), [Path(name) for name in sys.argv[4:]])
