"""The process that measures, as its agent sees it: it says lines, and ends."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench.fleet.device.carrying import Said
from bench.fleet.device.spool import LOG
from bench.process import trees
from bench.process.output import log_tail
from bench.reading import NOT_DECODED

CARRYING = (sys.executable, "-P", "-m", "bench.fleet.device.carrying")


class Child:
    """Begun at once. ``said`` is called for each line, ``ended`` once with the exit status, both in a thread of the
    child's own. The kernel ends the child with that thread, and so with the agent."""

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        said: Callable[[Said], None],
        ended: Callable[[int], None],
        command: Sequence[str] = CARRYING,
    ) -> None:
        self._command = [*command, str(folder), *arguments]
        self._log = folder / LOG
        self._said, self._ended = said, ended
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._carry, name="odb-fleet-child", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it and what it started, and wait until that is noticed."""
        self._stopped = True
        if self._process is not None:
            trees.end(self._process)
        self._thread.join()

    def last_words(self) -> str:
        """The last line that it printed."""
        return next(iter(reversed(log_tail(self._log))), "")

    def _carry(self) -> None:
        status = -1
        try:
            with self._log.open("ab") as log:
                process = trees.begin(
                    self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=os.environ
                )
            self._process = process
            if self._stopped:
                trees.end(process)
            assert process.stdout is not None
            for line in process.stdout:
                try:
                    self._said(msgspec.json.decode(line, type=Said))
                except NOT_DECODED:
                    continue
            status = process.wait()
            trees.end(process)  # what it started, if anything is left
        finally:
            self._ended(status)
