"""Test classes for plugin authors: inherit one, name the component, and pytest runs every check of its kind.

from mimic_core.testing import RewardConformance
from my_package import mimic_rewards

class TestEffort(RewardConformance):
    spec = next(iter(mimic_rewards()))
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from mimic_core.body.body import BodySpec
from mimic_core.chain.installed import installed
from mimic_core.control.policy import PolicySpec
from mimic_core.plugins.component import ComponentSpec
from mimic_core.plugins.manager import Plugins
from mimic_core.testing import terms
from mimic_core.testing.checks import bodies, every, policies, stages
from mimic_core.testing.checks.terms import term_case
from mimic_core.testing.conformance import checks


class _Conformance:
    """What the settings and the summary of every component promise, with its defaults or with ``config``.

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


class _KindConformance:
    """Every check that ``mimic plugins check`` makes of a kind, a test each.

    Attributes:
        spec: the component, as the hook yields it.
    """

    kind: ClassVar[str]
    spec: ClassVar[Any]

    def plugins(self) -> Plugins:
        """The plugins that the component works with; override to use others."""
        return installed()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each check."""
        if "check" in metafunc.fixturenames and hasattr(self, "spec"):
            metafunc.parametrize("check", list(checks(self.kind, self.spec)))

    def test_conforms(self, check: str) -> None:
        remark = checks(self.kind, self.spec)[check](self.spec, self.plugins())
        if remark:
            pytest.skip(remark)


class ActuationConformance(_KindConformance):
    """Every check of an actuation; set ``spec`` to a `mimic_core.ActuationSpec`."""

    kind = "actuation"


class AnalysisConformance(_KindConformance):
    """Every check of an analysis; set ``spec`` to a `mimic_core.AnalysisSpec`."""

    kind = "analysis"


class CommandConformance(_KindConformance):
    """Every check of a subcommand; set ``spec`` to a `mimic_core.CommandSpec`."""

    kind = "command"


class DisplayConformance(_KindConformance):
    """Every check of a display; set ``spec`` to a `mimic_core.DisplaySpec`."""

    kind = "display"


class EmgReaderConformance(_KindConformance):
    """Every check of a reader of EMG; set ``spec`` to a `mimic_core.EmgReaderSpec`."""

    kind = "emg_reader"


class ExecutorConformance(_KindConformance):
    """Every check of an executor; set ``spec`` to a `mimic_core.ExecutorSpec`."""

    kind = "executor"


class FormatConformance(_KindConformance):
    """Every check of a file layout of another program; set ``spec`` to a `mimic_core.FormatSpec`."""

    kind = "format"


class GeneratorConformance(_KindConformance):
    """Every check of a maker of keypoints; set ``spec`` to a `mimic_core.GeneratorSpec`."""

    kind = "generator"


class ImporterConformance(_KindConformance):
    """Every check of an importer; set ``spec`` to a `mimic_core.ImporterSpec`."""

    kind = "importer"


class LoggerConformance(_KindConformance):
    """Every check of a logger; set ``spec`` to a `mimic_core.LoggerSpec`."""

    kind = "logger"


class PerturbationConformance(_KindConformance):
    """Every check of a perturbation; set ``spec`` to a `mimic_core.PerturbationSpec`."""

    kind = "perturbation"


class ReaderConformance(_KindConformance):
    """Every check of a reader of keypoints; set ``spec`` to a `mimic_core.ReaderSpec`."""

    kind = "reader"


class RecordConformance(_KindConformance):
    """Every check of a kind of record; set ``spec`` to a `mimic_core.RecordSpec`."""

    kind = "record"


class RegistrationConformance(_KindConformance):
    """Every check of a registration; set ``spec`` to a `mimic_core.RegistrationSpec`."""

    kind = "registration"


class ReportConformance(_KindConformance):
    """Every check of a writer of reports; set ``spec`` to a `mimic_core.ReportSpec`."""

    kind = "report"


class SimulatorConformance(_KindConformance):
    """Every check of a physics engine; set ``spec`` to a `mimic_core.SimulatorSpec`."""

    kind = "simulator"


class StageConformance(_KindConformance):
    """Every check of a stage; set ``spec`` to a `mimic_core.StageSpec`.

    Attributes:
        table: options with which it is done once, on synthetic records of the kinds that it reads; override `options`
            where they name files. None: it is not done.
    """

    kind = "stage"
    table: ClassVar[dict[str, Any] | None] = None

    def options(self, folder: Path) -> dict[str, Any] | None:
        """Return ``table``, after writing into ``folder`` the files that it names."""
        return self.table

    def test_it_works(self, tmp_path: Path) -> None:
        table = self.options(tmp_path)
        reason = "no options are given to try it with" if table is None else ""
        if reason or (reason := stages.check_work(self.spec, self.plugins(), table or {})):
            pytest.skip(reason)


class TaskConformance(_KindConformance):
    """Every check of a task; set ``spec`` to a `mimic_core.TaskSpec`."""

    kind = "task"


class TerminationConformance(_KindConformance):
    """Every check of a reason to end an episode; set ``spec`` to a `mimic_core.TerminationSpec`."""

    kind = "termination"
