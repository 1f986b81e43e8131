"""Compiles the catalogues when the package is built; everything else is in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent))
from bench.words.compiling import compile_all


class BuildWithWords(build_py):
    """Build, with the ``.mo`` files beside their sources."""

    def run(self) -> None:
        compile_all()
        super().run()


setup(cmdclass={"build_py": BuildWithWords})
