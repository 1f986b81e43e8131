"""Where a run's processes may keep compiled models, by its scenario: nowhere, in an empty folder for each, or in a
common folder that is filled."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.contracts import CompileCache, OpenRequest
from bench.errors import RunFailure


class CompileCaches:
    """``folder`` makes a new one. The check pass is the first to use a warm cache, and so fills it."""

    def __init__(self, asked: CompileCache, folder: Callable[[], Path]) -> None:
        self._asked, self._folder, self._warm = asked, folder, folder() if asked == "warm" else None
        self._cold: Path | None = None

    def request(self, request: OpenRequest) -> OpenRequest:
        """``request`` with the folder for one process. The cold one of the process before is taken away: those of many
        repeats of a large model would fill the disk."""
        if self._cold is not None:
            shutil.rmtree(self._cold, ignore_errors=True)
        self._cold = self._folder() if self._asked == "cold" else None
        return msgspec.structs.replace(request, compile_cache=self._cold or self._warm)

    def demand(self, found: CompileCache, target: str) -> None:
        """Raise ``RunFailure`` where a cache was asked for and the target keeps none. ``found``: by the check."""
        if self._asked != "none" and found == "none":
            raise RunFailure(
                "unsupported_scenario",
                f"{target} keeps no compiled models: there is no {self._asked} cache to measure",
                "Leave out --compile-cache for it.",
                "plan",
            )

    def proven(self, found: CompileCache) -> None:
        """Raise ``RunFailure`` unless a repeat found the cache as it was asked for."""
        if self._asked not in ("none", found):
            raise RunFailure(
                "runtime_error",
                f"a {self._asked} compile cache was asked for, and the runtime found a {found} one",
                "Free space in the temporary folder, or measure without --compile-cache.",
                "compile",
            )
