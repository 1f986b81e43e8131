"""The agent of this process, for what Dask calls in it."""

from bench.fleet.device.agent import Agent

_here: Agent | None = None


def settle(agent: Agent | None) -> None:
    """``agent`` is the agent of this process."""
    global _here
    _here = agent


def here() -> Agent:
    """The agent of this process. Raises ``RuntimeError`` in one without."""
    if _here is None:
        raise RuntimeError("no agent of a device in this process")
    return _here
