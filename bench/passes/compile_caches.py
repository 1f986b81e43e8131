"""Where a run's processes may keep compiled models, by its scenario: nowhere, in an empty folder for each, or in a
common folder that is filled."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.contracts import CompileCache, OpenRequest
from bench.errors import RunFailure
from bench.words import sentence


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
                sentence("run.no_compile_cache", target=target, asked=self._asked),
                sentence("run.leave_out_compile_cache"),
                "plan",
            )

    def proven(self, found: CompileCache) -> None:
        """Raise ``RunFailure`` unless a repeat found the cache as it was asked for."""
        if self._asked not in ("none", found):
            raise RunFailure(
                "runtime_error",
                sentence("run.compile_cache_differs", asked=self._asked, found=found),
                sentence("run.free_space_or_no_cache"),
                "compile",
            )
