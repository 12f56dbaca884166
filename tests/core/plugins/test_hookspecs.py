"""Every hook is explained by an example that runs."""

from __future__ import annotations

import doctest

import pytest

from mimic_core.chain import HOOKS

NAMED = {name: module for module in HOOKS for name in vars(module) if name.startswith("mimic_")}


@pytest.mark.parametrize("name", NAMED)
def test_the_example_of_a_hook_runs(name):
    tests = doctest.DocTestFinder().find(getattr(NAMED[name], name), name, globs={})
    assert sum(len(t.examples) for t in tests) > 0, f"{name} has no example"
    runner = doctest.DocTestRunner()
    for test in tests:
        runner.run(test)
    assert runner.summarize().failed == 0


def test_every_kind_of_component_has_its_hook():
    kinds = [kind for module in HOOKS for kind in module.KINDS]
    assert len({k.name for k in kinds}) == len(kinds)
    assert {k.hook for k in kinds} <= set(NAMED)
