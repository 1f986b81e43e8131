"""Measures the run of a record again, as it says.

    python -m bench.cli.gate.session RECORD OUT [FILE…] [--plugin FILE]…

The process tree of a confirmation (``bench.cli.gate.confirm``): it measures as ``odb run`` does, for the same number
of repeats, so that its figures may be compared with those of other nights. ``FILE``: model files that are looked at
first. Ends with the status of ``odb run``.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path

from bench.errors import OdbError
from bench.execution.suite_run import run_suite
from bench.pipelines.again import refuse_other_inputs
from bench.plugins import discover
from bench.printable import clean
from bench.scripting.places import cache_folder
from bench.store.records import load, prepare_folder
from bench.suite.base_run import Given, base_suite
from bench.suite.found_files import Places
from bench.words import say


def measure_again(folder: Path, out: Path, files: tuple[Path, ...], plugins: tuple[Path, ...]) -> int:
    """Raises ``InputError`` where the record cannot be measured here."""
    catalog, record = discover(plugins), load(folder).record
    places = Places(own=(Path.cwd(),), sent=(folder,), files=files)
    suite = base_suite(record, folder, catalog, places, Given())
    refuse_other_inputs(record, suite)
    (run,) = run_suite(suite, catalog, prepare_folder(out), cache=cache_folder())
    return 0 if run.record.status == "ok" else 1


def main(arguments: list[str]) -> int:
    asked = ArgumentParser(add_help=False)
    for name in ("record", "out"):
        asked.add_argument(name, type=Path)
    asked.add_argument("files", nargs="*", type=Path)
    asked.add_argument("--plugin", action="append", default=[], type=Path)
    given = asked.parse_args(arguments)
    try:
        return measure_again(given.record, given.out, tuple(given.files), tuple(given.plugin))
    except OdbError as error:
        sys.stderr.write(say("cli.error", message=clean(error.message)) + "\n")
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
