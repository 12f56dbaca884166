"""Puts the examples into the wheel, so that `mimic demo` and `mimic examples` work where there is no checkout."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

EXAMPLES = Path(__file__).resolve().parent / "examples"


class BuildWithExamples(build_py):
    def run(self):
        super().run()
        if not self.editable_mode:
            unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", ".*")
            target = Path(self.build_lib) / "mimic_demo" / "examples"
            shutil.copytree(EXAMPLES, target, ignore=unwanted, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithExamples})
