"""The examples in the hooks' docstrings run, and every hook has one."""

from __future__ import annotations

import doctest

import pytest

from mimic_core import errors, hookspecs
from mimic_core.plugins import Plugins
from mimic_core.testing import toy

HOOKS = [name for name in dir(hookspecs) if name.startswith("mimic_")]


@pytest.mark.parametrize("module", [hookspecs, errors, toy], ids=lambda m: m.__name__)
def test_doctests(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_an_example(name):
    assert any(e.want for e in doctest.DocTestParser().get_examples(getattr(hookspecs, name).__doc__))


def test_every_kind_of_component_has_a_hook():
    from mimic_core.plugins import _kinds

    hooks = {hook for hook, _ in _kinds().values()}
    assert hooks == set(HOOKS) - {"mimic_stage_started", "mimic_progress", "mimic_stage_finished", "mimic_stage_failed"}
    assert Plugins().kinds == list(_kinds())
