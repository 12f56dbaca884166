"""Every hook is explained by an example that runs."""

from __future__ import annotations

import doctest

import pytest

import mimic_core
from mimic_core.chain import HOOKS

NAMED = {name: module for module in HOOKS for name in vars(module) if name.startswith("mimic_")}


@pytest.mark.parametrize("name", NAMED)
def test_the_example_of_a_hook_runs(name):
    face = {known: getattr(mimic_core, known) for known in mimic_core.__all__}
    (test,) = doctest.DocTestFinder().find(getattr(NAMED[name], name), name, globs=face)
    assert test.examples, f"{name} has no example"
    runner = doctest.DocTestRunner()
    runner.run(test, clear_globs=False)
    assert runner.summarize().failed == 0
    for kind in NAMED[name].KINDS:
        if kind.hook == name:
            (offered,) = test.globs[name]()
            assert isinstance(offered, kind.record)


def test_every_kind_of_component_has_its_hook():
    kinds = [kind for module in HOOKS for kind in module.KINDS]
    assert len({k.name for k in kinds}) == len(kinds)
    assert {k.hook for k in kinds} <= set(NAMED)
