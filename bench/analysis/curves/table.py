"""Every figure that may be along an axis: each metric, by its own rule, and those that only a curve has."""

from collections.abc import Mapping
from types import MappingProxyType

from bench.analysis.curves.minutes import MINUTES
from bench.analysis.curves.rule import CurveRule, along
from bench.analysis.curves.waking import WAKING
from bench.analysis.metrics import METRICS

CURVES: Mapping[str, CurveRule] = MappingProxyType(
    {**{metric.name: along(metric) for metric in METRICS}, **{rule.metric.name: rule for rule in (*WAKING, *MINUTES)}}
)
"""Every figure that a curve may be of."""
