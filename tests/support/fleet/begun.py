"""Which orders devices have begun, by the files that they write then, whatever they tell."""

from pathlib import Path

from bench.fleet.device.spool import ID, ORDER


class Begun:
    """``times``: order -> the times at which it was begun in one of ``folders``, as far as somebody looked."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self.times: dict[str, set[int]] = {}

    def look(self) -> None:
        for folder in self._folders:
            for file in folder.glob(f"*/{ORDER}"):
                if not ID.fullmatch(file.parent.name):
                    continue
                try:
                    time_ns = file.stat().st_mtime_ns
                except FileNotFoundError:
                    continue
                self.times.setdefault(file.parent.name, set()).add(time_ns)
