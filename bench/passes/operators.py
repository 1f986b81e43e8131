"""From what a session reports of its operators to what the record holds: one time each, of one call."""

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Literal

from bench.contracts import Profile, ProfiledOperator
from bench.record.operators import Operator, OperatorPart

Statistic = Literal["median", "mean"]


def part_of(
    name: str, profile: Profile, latencies_ns: Sequence[int], node_macs: Mapping[str, int], emulated: bool = False
) -> OperatorPart:
    """``profile`` of the calls that took ``latencies_ns``. A call may be several executions of the runtime, as a prompt
    that is taken in pieces. MACs are given to the first operator of a name. Times of an emulator are left out."""
    calls, left = len(latencies_ns), dict(node_macs)
    statistic: Statistic = "mean" if profile.averaged else "median"
    return OperatorPart(
        part=name,
        calls=calls,
        statistic=statistic,
        operators=tuple(
            Operator(
                name=one.name,
                op=one.op,
                time_ns=None if emulated else _of_a_call(one.times_ns, profile, calls),
                cycles=_of_a_call(one.cycles, profile, calls),
                runs=one.calls,
                device=one.device,
                kernel=one.kernel,
                macs=left.pop(one.name, None) if _computes(one) else None,
                reference_kernel=one.reference_kernel,
            )
            for one in profile.operators
        ),
        profiled_ns=None if emulated else of_calls(latencies_ns, statistic),
        operators_ns=None if emulated else _sum(profile, calls),
    )


def of_calls(values_ns: Sequence[float], statistic: Statistic) -> int | None:
    """``statistic`` of one value a call; ``None`` without any."""
    if not values_ns:
        return None
    return round(fmean(values_ns) if statistic == "mean" else median(values_ns))


def _sum(profile: Profile, calls: int) -> int | None:
    """All operators of a call together: the median over calls of their sums, or the sum of means."""
    timed = [one.times_ns for one in profile.operators if one.times_ns]
    if not timed:
        return None
    sums = [sum(each) for each in zip(*timed, strict=True)]
    return _of_a_call(sums, profile, calls)


def _computes(operator: ProfiledOperator) -> bool:
    """Whether it was executed; of several operators of one name, those that are fused away have no time."""
    return any(operator.times_ns) or any(operator.cycles)


def _of_a_call(values: Sequence[int], profile: Profile, calls: int) -> int | None:
    """The median over calls of the sum over a call's executions; of means the mean."""
    if not values:
        return None
    each, rest = divmod(profile.executions, calls)
    if profile.averaged or rest:
        mean = values[0] if profile.averaged else sum(values) / profile.executions
        return round(mean * profile.executions / calls)
    return round(median(sum(values[i * each : (i + 1) * each]) for i in range(calls)))
