"""A device of a rack for the tests: ``python board.py NAME SCHEDULER KEYS FOLDER PLUGIN…``.

It is what ``odb fleet worker`` is, but knows only the targets of its plugin files, since asking all of them takes
seconds.
"""

import asyncio
import os
import sys
from pathlib import Path

from bench.fleet.device.agent import ARTIFACTS, Agent
from bench.fleet.device.artifacts import Artifacts
from bench.fleet.device.facts import facts_of
from bench.fleet.device.serving import serve
from bench.fleet.security import party_of
from bench.machine.lease import LOCKS, leased
from bench.plugins import Catalog, discover
from bench.words import Sentence


def tell(said: Sentence) -> None:
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()


def main(name: str, scheduler: str, keys: Path, folder: Path, files: tuple[Path, ...]) -> None:
    party = party_of(keys, "device")
    found = discover(files)
    catalog = Catalog(tuple(ref for ref in found.refs if ref.from_file or ref.kind != "targets"))
    facts = facts_of(name, catalog, labels={"soc": name}, plugins=files)
    os.environ[LOCKS] = str(folder)  # its machine is another than those of the other boards
    with leased(folder.with_suffix(".lease"), {"device": name}):
        agent = Agent(facts, folder, Artifacts(folder / ARTIFACTS))
        asyncio.run(serve(agent, scheduler, party, None, tell))


if __name__ == "__main__":
    name, scheduler, keys, folder, *plugins = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    main(name, scheduler, Path(keys), Path(folder), tuple(Path(one) for one in plugins))
