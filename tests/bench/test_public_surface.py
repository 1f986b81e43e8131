"""What plugins and scripts may import; all else may change between any two versions."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest
from doc_pages import ROOT, text_of

import bench

MODULES = {
    "bench.contracts.element_types": (
        "EXTENDED PACKED_BITS STRING element_name from_packed_bytes numpy_type packed_bytes restored storable"
    ),
    "bench.contracts.names": "file_model_id folder_model_id",
    "bench.contracts.quantising.stated": "LINEAGE_KEY encoded_steps lineage_of sidecar_of with_step",
    "bench.digest": "sha256_of sha256_of_file sha256_of_files",
    "bench.entry_points": "versions",
    "bench.errors": "InputError OdbError PluginError RunFailure UnknownName disk_is_full",
    "bench.frames": "to_arrow to_pandas",
    "bench.measure.loop": "time_queries",
    "bench.measure.players.single_stream": "play_one_by_one",
    "bench.measure.stage": "Stage Steady",
    "bench.progress": "done",
    "bench.pytesting.fixture": "Odb",
    "bench.reading": "arrays_in is_file is_folder json_of leads_outside read_bytes read_text refuse_outside",
    "bench.reporting": "Dossier FitsTerminal QuantisationWriter Report TellsRefused",
    "bench.scratch": "OWNER scratch_folder sweep",
    "bench.stats.timeline": "Timeline",
    "bench.testing": (
        "FakeClock FakeDecoder FakeModel FakeTarget FakeTensorSession FakeTokenSession NullTarget fake_artifact "
        "no_phase spin"
    ),
    "bench.testing.records": "fake_run",
    "bench.words": "Sentence say sentence speaking",
}
CONTRACTS = """
    Alterable Artifact Axis BatchingSession CACHE_WIDTHS CacheTensor CalibrationSet Channel CompileCache Compiled
    CompletesDevices ConversingSession ConvertingTarget DeclaresSafeOptions DecoderSpec DefaultModel Describable
    Device DeviceRunner FixedInput FixedPrefillSession ForetellingTarget Foretold Format GivenTokens GraphFacts
    GraphRoles InputRole Intent
    Judge LayerError Levels Lineage LineageStep LogitsSession MadeFrom Method Model ModelRequest NamingTarget
    NextLogitsSession NodePlacement Normaliser NormalisingSession
    OpenRequest OwnConfiguration ParallelSession Parameter PartNamingTarget Peaks Phase Pipeline
    PipelineStageName PipelinedModel Placement PlacementCheck PositionInput Precisions PrefixKeepingSession Profile
    ProfiledOperator ProfilingSession Published Quantisation QuantiseRequest Quantiser ReferenceSetup
    ReferenceTarget RefillingSession RenewableSession Requirement RequiringTarget RewindingSession RunnerFigures
    STAGES Scenario ScenarioCheckingTarget ScenarioKind Sensor Session SessionFacts SettlingSession Shapes Source Stage
    StreamSession Target TargetFacts Task TensorSession TensorSpec Tensors TextStream TokenSession Tokenizer
    TokenizingSession TokenizingTarget Tunable TunableTarget Variant VariedTarget channel_key
"""
BENCH = """
    Artifact Comparison Device Findings History ModelAsk Progress Record RecordedRun Scenario Suite TargetAsk TensorSpec
    __version__ compare history load run
"""


def test_the_contracts_are_these() -> None:
    """``bench.contracts`` holds what plugins implement and exchange, and no more."""
    assert sorted(CONTRACTS.split()) == sorted(import_module("bench.contracts").__all__)


def test_the_package_itself_offers_these() -> None:
    """``import bench`` is enough for a script."""
    assert sorted(BENCH.split()) == sorted(bench.__all__)
    assert [] == [name for name in bench.__all__ if not hasattr(bench, name)]
    assert set() == {*bench.__all__} - {*dir(bench)}, "a prompt completes them"


def test_no_module_takes_the_place_of_a_public_name() -> None:
    """Importing ``bench.run`` as a module would put it in the place of the function of that name."""
    modules = {path.stem for path in Path(str(bench.__file__)).parent.iterdir() if path.suffix in ("", ".py")}
    assert set() == modules & set(bench.__all__)


def test_type_checkers_see_the_same_names() -> None:
    """The stub lists what is resolved on first use, and imports each from where it is found."""
    stub = ast.parse(Path(str(bench.__file__)).with_suffix(".pyi").read_text(encoding="utf-8"))
    sources = {
        alias.name: getattr(import_module(str(node.module)), alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    (listed,) = (ast.literal_eval(node.value) for node in stub.body if isinstance(node, ast.Assign))
    assert sorted(bench.__all__) == listed
    assert {name: getattr(bench, name) for name in bench.__all__ if name != "__version__"} == sources


@pytest.mark.parametrize("module", MODULES)
def test_a_public_module_keeps_its_names(module: str) -> None:
    """Each name that is promised is there."""
    assert [] == [name for name in MODULES[module].split() if not hasattr(import_module(module), name)]


def test_the_documentation_lists_them() -> None:
    """The table of docs/api.md has exactly these modules and names, and each module with its file."""
    rows = re.findall(r"^\| \[`(bench[\w.]*)`\]\(\.\./([^)]+)\) \| .+ \| (.+) \|$", text_of("api"), re.MULTILINE)
    expected = {"bench": BENCH, "bench.contracts": CONTRACTS, **MODULES}
    listed = {name: sorted(re.findall(r"`(\w+)`", names)) for name, _, names in rows}
    assert {name: sorted(names.split()) for name, names in expected.items()} == listed
    files = {name: Path(str(import_module(name).__file__)).resolve() for name in expected}
    assert files == {name: (ROOT / path).resolve() for name, path, _ in rows}
