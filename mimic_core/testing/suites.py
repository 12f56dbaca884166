"""Test classes for plugin authors: inherit one, name the component, and pytest runs every check of its kind.

from mimic_core.testing import RewardConformance
from my_package import mimic_rewards

class TestEffort(RewardConformance):
    spec = next(iter(mimic_rewards()))
"""

from __future__ import annotations

from typing import Any, ClassVar

from mimic_core.body.body import BodySpec
from mimic_core.chain.installed import installed
from mimic_core.plugins.component import ComponentSpec
from mimic_core.plugins.manager import Plugins
from mimic_core.testing import conformance, terms


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
        conformance.check_settings(self.spec)

    def test_summary(self) -> None:
        conformance.check_summary(self.spec)


class _TermConformance(_Conformance):
    kind: ClassVar[str]

    def case(self) -> terms.TermCase:
        """The term, built on the toy body; override to build it on another one."""
        return conformance.term_case(self.kind, self.spec, self.plugins(), self.config)

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
        conformance.check_body_compiles(self.spec)

    def test_keypoints(self) -> None:
        conformance.check_body_keypoints(self.spec)

    def test_saved_and_read(self) -> None:
        conformance.check_body_saves(self.spec)

    def test_driven(self) -> None:
        conformance.check_body_driven(self.spec, self.plugins())
