"""Test classes for plugin authors: inherit one, name the component, and pytest runs every check of its kind.

from mimic_core.testing import RewardConformance
from my_package import mimic_rewards

class TestEffort(RewardConformance):
    spec = next(iter(mimic_rewards()))
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from mimic_core.body.body import BodySpec
from mimic_core.chain.installed import installed
from mimic_core.control.policy import PolicySpec
from mimic_core.plugins.component import ComponentSpec
from mimic_core.plugins.manager import Plugins
from mimic_core.testing import terms
from mimic_core.testing.checks import bodies, every, policies
from mimic_core.testing.checks.terms import term_case


class _Conformance:
    """What the settings and the summary of every component promise.

    Attributes:
        spec: the component, as the hook yields it.
        config: its settings in these tests; None means the defaults.
    """

    spec: ClassVar[ComponentSpec]
    config: ClassVar[Any] = None

    def plugins(self) -> Plugins:
        """The plugins that give the checks a body and an actuation; override to use others."""
        return installed()

    def test_settings(self) -> None:
        every.check_settings(self.spec)

    def test_summary(self) -> None:
        every.check_summary(self.spec)


class _TermConformance(_Conformance):
    kind: ClassVar[str]

    def case(self) -> terms.TermCase:
        """The term, built on the toy body; override to build it on another one."""
        return term_case(self.kind, self.spec, self.plugins(), self.config)

    def test_shape(self) -> None:
        terms.check_shape(self.case())

    def test_reads_fields_by_name(self) -> None:
        terms.check_names(self.case())

    def test_jit_gives_the_same(self) -> None:
        terms.check_jit(self.case())

    def test_batch_gives_the_same(self) -> None:
        terms.check_vmap(self.case())

    def test_finite_values_and_gradients(self) -> None:
        terms.check_finite(self.case())


class RewardConformance(_TermConformance):
    """Every check of a reward term; set ``spec`` to a `mimic_core.RewardSpec`."""

    kind = "reward"

    def test_memory(self) -> None:
        terms.check_memory(self.case())


class ObservationConformance(_TermConformance):
    """Every check of an observation; set ``spec`` to a `mimic_core.ObservationSpec`."""

    kind = "observation"


class BodyConformance(_Conformance):
    """Every check of a body, in all its variants; set ``spec`` to a `mimic_core.BodySpec`."""

    spec: ClassVar[BodySpec]

    def test_compiles(self) -> None:
        bodies.check_body_compiles(self.spec)

    def test_keypoints(self) -> None:
        bodies.check_body_keypoints(self.spec)

    def test_saved_and_read(self) -> None:
        bodies.check_body_saves(self.spec)

    def test_driven(self) -> None:
        bodies.check_body_driven(self.spec, self.plugins())


class PolicyConformance(_Conformance):
    """Every check of a policy, on the toy body; set ``spec`` to a `mimic_core.PolicySpec`.

    One iteration is trained, with the settings of ``config``: choose small ones, so that the tests are fast.
    """

    spec: ClassVar[PolicySpec]

    @pytest.fixture(scope="class")
    def case(self) -> policies.PolicyCase:
        """The policy on the toy body; its one training is shared by the tests."""
        return policies.PolicyCase(self.spec, self.plugins(), self.config)

    def test_presets(self, case: policies.PolicyCase) -> None:
        policies.check_presets(case)

    def test_contract(self, case: policies.PolicyCase) -> None:
        policies.check_contract(case)

    def test_acts(self, case: policies.PolicyCase) -> None:
        policies.check_acts(case)

    def test_trains(self, case: policies.PolicyCase) -> None:
        policies.check_trains(case)

    def test_saved_and_loaded(self, case: policies.PolicyCase) -> None:
        policies.check_loads(case)
