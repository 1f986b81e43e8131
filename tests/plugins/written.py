"""A target that writes down who is opened when, so that a test can read the order in which runs were measured."""

from collections.abc import Callable, Mapping
from pathlib import Path

from bench.contracts import OpenRequest
from bench.testing import NullTarget, spin


class Written(NullTarget):
    """Each process writes a line with its ``name`` to the file ``log``."""

    summary = "writes down who is opened"

    def options(self, device: str) -> Mapping[str, str]:
        return {"log": "a file", "name": "a word for the log"}

    def work(self, request: OpenRequest) -> Callable[[], None]:
        with Path(request.options["log"]).open("a") as lines:
            lines.write(f"{request.options['name']}\n")
        return spin(200_000)


PLUGINS = {"targets": {"written": Written}}
