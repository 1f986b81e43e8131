"""What plugins implement, and the small values they exchange with the engine.

Four kinds of plugin, each found by an entry point (group ``ondevice_bench.models``, ``.targets``, ``.reports``,
``.sensors``) or in a file given with ``--plugin``. A plugin is a class without required arguments; its constructor
does no work and its module imports nothing heavy, so that listing plugins stays free. What a report implements is in
``bench.reporting``.

Values are frozen. Times are ``_ns`` (int), sizes ``_bytes`` (int); what is not known is ``None``, never 0.
"""

from bench.contracts.decoder import CACHE_WIDTHS, CacheTensor, DecoderSpec, FixedInput, PositionInput, Stage
from bench.contracts.graph_roles import GraphRoles, InputRole
from bench.contracts.model import (
    Alterable,
    Artifact,
    DefaultModel,
    Describable,
    Format,
    GraphFacts,
    Judge,
    Model,
    ModelRequest,
    Quantisation,
    Shapes,
    Source,
    Task,
    Tensors,
    TensorSpec,
)
from bench.contracts.precisions import Precisions
from bench.contracts.profile import Profile, ProfiledOperator, ProfilingSession
from bench.contracts.scenario import Intent, Parameter, Scenario, ScenarioKind
from bench.contracts.sensor import Channel, Sensor, channel_key
from bench.contracts.session import CompileCache, NodePlacement, Placement, Session, SessionFacts, TensorSession
from bench.contracts.target import (
    CompletesDevices,
    ConvertingTarget,
    DeclaresSafeOptions,
    Device,
    NamingTarget,
    OpenRequest,
    Phase,
    ReferenceSetup,
    ReferenceTarget,
    Target,
    TargetFacts,
    TokenizingTarget,
)
from bench.contracts.text import (
    LogitsSession,
    PrefixKeepingSession,
    RenewableSession,
    RewindingSession,
    SettlingSession,
    StreamSession,
    Tokenizer,
    TokenizingSession,
    TokenSession,
)
from bench.contracts.text_stream import TextStream
from bench.contracts.variants import (
    Compiled,
    ForetellingTarget,
    Foretold,
    Peaks,
    Published,
    Variant,
    VariedTarget,
)

__all__ = [
    "CACHE_WIDTHS",
    "Alterable",
    "Artifact",
    "CacheTensor",
    "Channel",
    "CompileCache",
    "Compiled",
    "CompletesDevices",
    "ConvertingTarget",
    "DeclaresSafeOptions",
    "DecoderSpec",
    "DefaultModel",
    "Describable",
    "Device",
    "FixedInput",
    "ForetellingTarget",
    "Foretold",
    "Format",
    "GraphFacts",
    "GraphRoles",
    "InputRole",
    "Intent",
    "Judge",
    "LogitsSession",
    "Model",
    "ModelRequest",
    "NamingTarget",
    "NodePlacement",
    "OpenRequest",
    "Parameter",
    "Peaks",
    "Phase",
    "Placement",
    "PositionInput",
    "Precisions",
    "PrefixKeepingSession",
    "Profile",
    "ProfiledOperator",
    "ProfilingSession",
    "Published",
    "Quantisation",
    "ReferenceSetup",
    "ReferenceTarget",
    "RenewableSession",
    "RewindingSession",
    "Scenario",
    "ScenarioKind",
    "Sensor",
    "Session",
    "SessionFacts",
    "SettlingSession",
    "Shapes",
    "Source",
    "Stage",
    "StreamSession",
    "Target",
    "TargetFacts",
    "Task",
    "TensorSession",
    "TensorSpec",
    "Tensors",
    "TextStream",
    "TokenSession",
    "Tokenizer",
    "TokenizingSession",
    "TokenizingTarget",
    "Variant",
    "VariedTarget",
    "channel_key",
]
