"""A Dask worker that keeps still while a run is timed."""

from collections.abc import Callable
from typing import Any

from distributed import Worker

HEARTBEAT_MS = 15_000
"""Between heartbeats while nothing is timed; they tell a scheduler that forgot the worker. Whether the machine is there
at all is told by the kernel's keepalive, which costs this process nothing."""
STILL_MS = 365 * 24 * 3600 * 1000


class QuietWorker(Worker):  # type: ignore[misc]
    """``is_timing``: whether a run is timed now. ``lost``: called once as the worker closes, before it waits for its
    task. Of what a worker does at intervals only the heartbeat is left, and none while a run is timed."""

    def __init__(self, *args: Any, is_timing: Callable[[], bool], lost: Callable[[], None], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._is_timing, self._lost = is_timing, lost
        for repeated in self.periodic_callbacks.values():
            repeated.callback_time = STILL_MS
        self.periodic_callbacks["heartbeat"].callback_time = HEARTBEAT_MS

    def start_http_server(self, *args: Any, **settings: Any) -> None:
        """None: it would listen without a certificate."""

    async def heartbeat(self) -> None:
        if not self._is_timing():
            await super().heartbeat()
            self.periodic_callbacks["heartbeat"].callback_time = HEARTBEAT_MS

    async def close(self, *args: Any, **settings: Any) -> Any:
        self._lost()
        return await super().close(*args, **settings)
