"""A folder with a suite of two models on two fake targets and its records, and ``odb run --against`` them."""

import json
from typing import Any

from click.testing import CliRunner, Result

from bench.cli.run_command import command
from bench.errors import InputError

QUICK = ("--max-seconds", "0.3")
PLUGIN = """
from msgspec.structs import replace

from bench.errors import RunFailure
from bench.testing import FakeModel, NullTarget


class Fake(FakeModel):
    def prepare(self, request, cache):
        return replace(super().prepare(request, cache), model_id=request.source)


class Unhurried(NullTarget):  # half a millisecond a query, so that turns of 50 ms hold no millions of them
    def work(self, request):
        return super().work(replace(request, options={"latency_us": "500", **request.options}))


class Other(Unhurried):
    def options(self, device):
        return {"latency_us": "as null", "turbo": "on or off", "report_file": "writes a file"}

    safe_options = ("latency_us", "turbo")

    def check(self, artifact, device, options):
        if options.get("turbo") in ("breaks", "unfit"):
            phase = {"breaks": "compile", "unfit": "plan"}[options["turbo"]]
            raise RunFailure("runtime_error", "turbo " + options["turbo"], "Turn it off.", phase)


PLUGINS = {"models": {"fake": Fake, "tiny": Fake}, "targets": {"null": Unhurried, "other": Other}}
"""


def odb_run(*arguments: Any) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False)


def against(*arguments: Any, status: int = 0) -> dict[str, Any]:
    """The dry run of ``--against old``, for scripts, which ends with that status."""
    done = odb_run("--against", "old", "--plugin", "plugin.py", "--dry-run", "--json", *arguments)
    assert done.exception is None, done.exception
    assert status == done.return_value
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(*arguments: Any) -> InputError:
    error = odb_run("--against", "old", "--plugin", "plugin.py", "--dry-run", *arguments).exception
    assert isinstance(error, InputError), error
    return error


def sides(found: dict[str, Any], *keys: str) -> list[tuple[Any, ...]]:
    """Of each pair those keys of its new side."""
    return [tuple(pair["new"][key] for key in keys) for pair in found["pairs"]]
