"""The workflows of docs/ci.md: their shell steps are run here as they are, on a history that begins with them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from click.testing import CliRunner
from junitparser import JUnitXml
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "examples" / "ci"
WORKFLOWS = ("github-hosted.yml", "github-self-hosted.yml", "gitlab-ci.yml", "Jenkinsfile")


def github_steps(text: str) -> list[str]:
    (job,) = yaml.safe_load(text)["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step and step["name"] != "Install"]


def steps_of(name: str) -> list[str]:
    """The shell steps of a workflow, but for those that install."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    if name == "Jenkinsfile":
        return [step.replace(".venv/bin/", "") for step in re.findall(r"sh '(.*)'", text) if "pip install" not in step]
    if name == "gitlab-ci.yml":
        job = yaml.safe_load(text)["bench"]
        return [*job["script"], *job["after_script"]]
    return github_steps(text)


def tiny_model(path: Path) -> Path:
    weight = numpy_helper.from_array(np.eye(8, dtype=np.float32), "w")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "tiny", [x], [y], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_names_its_model_in_one_place(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert text.count("mobilenet_v2") == 1
    assert "Edit MODEL" in text.splitlines()[0] + text.splitlines()[1]


@pytest.mark.parametrize("name", WORKFLOWS[:2])
def test_github_workflows_have_what_the_runner_needs(name: str) -> None:
    """Keys by the workflow syntax; ``on`` is read as true by YAML 1.1."""
    found: dict[Any, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert {"name", True, "permissions", "env", "jobs"} <= set(found)
    (job,) = found["jobs"].values()
    assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    if name == "github-self-hosted.yml":
        assert job["runs-on"] == ["self-hosted", "snapdragon-x"]
        assert found["concurrency"] == {"group": "snapdragon-x", "cancel-in-progress": False}


SCHEMAS = {
    "github-hosted.yml": "github-workflows",
    "github-self-hosted.yml": "github-workflows",
    "gitlab-ci.yml": "gitlab-ci",
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_workflow_is_valid_by_the_published_schema(name: str, tmp_path: Path) -> None:
    """As check-jsonschema has it vendored. One with a key that the service does not know is not."""
    checker = pytest.importorskip("check_jsonschema")
    text = (FOLDER / name).read_text(encoding="utf-8")
    (tmp_path / "wrong.yml").write_text(
        re.sub(r"^( +)(steps|script):", r"\1stepps:", text, flags=re.M), encoding="utf-8"
    )

    def status(file: Path) -> int:
        transform = ("--data-transform", "gitlab-ci") if name == "gitlab-ci.yml" else ()
        asked = ["--builtin-schema", f"vendor.{SCHEMAS[name]}", *transform, str(file)]
        return CliRunner().invoke(checker.main, asked).exit_code

    assert (0, 1) == (status(FOLDER / name), status(tmp_path / "wrong.yml"))


SECTIONS = {
    "pipeline": {"agent", "environment", "libraries", "options", "parameters", "post", "stages", "tools", "triggers"},
    "stages": {"stage"},
    "stage": {
        "agent",
        "environment",
        "input",
        "matrix",
        "options",
        "parallel",
        "post",
        "stages",
        "steps",
        "tools",
        "when",
    },
    "post": {
        *("always", "changed", "fixed", "regression", "aborted", "failure", "success", "unstable", "unsuccessful"),
        "cleanup",
    },
}
"""What may be in a block of a declarative pipeline, by Jenkins' handbook. Its own validator is a part of its server."""
DEMANDED = {"pipeline": {"agent", "stages"}, "stages": {"stage"}, "stage": {"steps"}}


def blocks_of(text: str) -> Iterator[tuple[str, list[str]]]:
    """Every block of a Jenkinsfile that has a name, and the names of the statements in it."""
    parser = pytest.importorskip("groovy_parser.parser")

    def statements(node: Any) -> Iterator[tuple[str, Any]]:
        """Name and node of each statement of a block, which is not entered."""
        for child in node.get("children", ()):
            if "command_expression" in child.get("rule", ()):
                names = (leaf["value"] for leaf in leaves(child) if leaf["leaf"] == "IDENTIFIER")
                yield next(names, ""), child
            else:
                yield from statements(child)

    def leaves(node: Any) -> Iterator[Any]:
        if "leaf" in node:
            yield node
        for child in node.get("children", ()):
            yield from leaves(child)

    def below(name: str, node: Any) -> Iterator[tuple[str, list[str]]]:
        inside = [found for child in node["children"] for found in statements(child)]
        yield name, [one for one, _ in inside]
        for one, child in inside:
            yield from below(one, child)

    for name, node in statements(parser.parse_and_digest_groovy_content(text)):
        yield from below(name, node)


def wrong_in(blocks: Iterable[tuple[str, list[str]]]) -> list[str]:
    """What is not of a declarative pipeline, or missing in one."""
    found = []
    for name, inside in blocks:
        if name in SECTIONS:
            found += [f"{one} in {name}" for one in inside if one not in SECTIONS[name]]
            found += [f"no {one} in {name}" for one in sorted(DEMANDED.get(name, set()) - set(inside))]
    return found


def test_the_jenkinsfile_is_a_declarative_pipeline() -> None:
    """It is Groovy, and its blocks hold what they may; with other words it is none."""
    found = list(blocks_of((FOLDER / "Jenkinsfile").read_text(encoding="utf-8")))
    assert [] == wrong_in(found)
    other = {"steps": "stepps", "agent": "nodes"}
    wrong = wrong_in((name, [other.get(one, one) for one in inside]) for name, inside in found)
    assert ["nodes in pipeline", "no agent in pipeline", *["stepps in stage", "no steps in stage"] * 3] == wrong


def test_all_workflows_ask_the_same_of_the_tool() -> None:
    """So that running one of them below shows them all; targets are the device's own."""
    commands = [
        [re.sub(r" -t \S+", "", line) for step in steps_of(name) for line in step.splitlines() if "odb " in line]
        for name in WORKFLOWS
    ]
    assert commands[0] == commands[1] == commands[2] == commands[3]
    assert len(commands[0]) == 4


def test_jenkins_does_not_judge_what_the_last_build_left() -> None:
    """Its workspace is kept from build to build; the others begin with a clean one."""
    steps = steps_of("Jenkinsfile")
    removed = next(step for step in steps if step.startswith("rm -rf ")).split()[2:]
    assert steps.index(f"rm -rf {' '.join(removed)}") < next(i for i, step in enumerate(steps) if "odb run" in step)
    assert {"night", "confirmed", "gate.xml", "gate.md"} <= {*removed}


@pytest.mark.process
@pytest.mark.timeout(300)
def test_a_night_from_nothing_and_the_next(tmp_path: Path) -> None:
    """In an empty folder, with nothing changed but the model's name, twice: the second night has a base."""
    model = tiny_model(tmp_path / "tiny.onnx")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MODEL": str(model),
        "ODB_HISTORY": "odb-history",
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "page.md"),
        "ODB_LANG": "en",
    }
    for night in (1, 2):
        for step in steps_of("github-hosted.yml"):
            quick = step.replace("-t openvino:CPU ", "").replace("--confirm", "--confirm --wait 0")
            done = subprocess.run(
                ["bash", "-e", "-c", quick],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=200,
                check=False,
            )
            assert done.returncode == 0, f"night {night}: {step}\n{done.stdout}\n{done.stderr}"
        xml = JUnitXml.fromfile(str(tmp_path / "gate.xml"))
        assert xml.tests == 1
        (tmp_path / "night").rename(tmp_path / f"night-{night}")
    assert "tiny" in (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "tiny" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert len(list((tmp_path / "odb-history" / "records").glob("*/*/record.json"))) == 2
