"""A device of a rack whose children do what the test says: `python loopback_device.py SCHEDULER KEYS FOLDER`.

Its agent, spool, task and calls, and its worker of Dask are the real ones. The name is that of the certificate. A child
says that a repeat is timed, another for `FOLDER/next`, and leaves a record when `FOLDER/end` is there; with `crash` in
it, it dies instead.
"""

import asyncio
import sys
from functools import partial
from pathlib import Path

from bench.fleet.device.agent import ARTIFACTS, Agent
from bench.fleet.device.artifacts import Artifacts
from bench.fleet.device.child import Child
from bench.fleet.facts import DeviceFacts
from bench.fleet.security import party_of

CHILD = """
import os, pathlib, sys, time
agent = os.getppid()
order, rack = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[1]).parents[1]
with open(rack / "begun", "a") as file:
    file.write(order.name + "\\n")
print('{"kind":"began","model":"m","target":"t:d","scenario":"s"}', flush=True)
print('{"kind":"turn"}', flush=True)
while not (rack / "end").exists():
    time.sleep(0.05)
    if os.getppid() != agent:
        sys.exit()
    if (rack / "next").exists():
        (rack / "next").unlink()
        print('{"kind":"turn"}', flush=True)
if "crash" in (rack / "end").read_text():
    os.abort()
print('{"kind":"written"}', flush=True)
(order / "records" / "r1").mkdir(parents=True)
(order / "records" / "r1" / "record.json").write_text("{}")
"""


def main(scheduler: str, keys: Path, folder: Path) -> None:
    party = party_of(keys, "device")
    from bench.fleet.device.serving import serve

    facts = DeviceFacts(
        name=party.name, labels={"soc": "x1"}, targets={}, versions={}, utc_ns=0, free_bytes=0, cache_bytes=0
    )
    begin = partial(Child, command=(sys.executable, "-S", "-c", CHILD))
    agent = Agent(facts, folder, Artifacts(folder / ARTIFACTS), begin=begin)
    asyncio.run(serve(agent, scheduler, party, "127.0.0.1", lambda told: sys.stderr.write(f"{told}\n")))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
