"""Every hook a plugin may implement.

Component hooks take no arguments and yield records; event hooks are told what happens; command
hooks add subcommands. A plugin implements any of them with ``@hookimpl`` in the module (or object)
that its ``mimic`` entry point names. Importing that module should be cheap: import jax, mujoco and
the like inside ``build``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from mimic_core.actuation import ActuationSpec
    from mimic_core.analysis import AnalysisSpec
    from mimic_core.body import BodySpec
    from mimic_core.command import CommandSpec
    from mimic_core.emg import RecordingSpec
    from mimic_core.exchange import FormatSpec
    from mimic_core.executor import ExecutorSpec
    from mimic_core.keypoints import ReaderSpec, SourceSpec
    from mimic_core.logger import LoggerSpec
    from mimic_core.observation import ObservationSpec
    from mimic_core.perturbation import PerturbationSpec
    from mimic_core.policy import PolicySpec
    from mimic_core.registration import RegistrationSpec
    from mimic_core.report import ReportSpec
    from mimic_core.reward import RewardSpec
    from mimic_core.simulator import SimulatorSpec
    from mimic_core.termination import TerminationSpec

PROJECT = "mimic"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mimic_bodies() -> Iterator[BodySpec]:
    """Yield musculoskeletal bodies.

    >>> from mimic_core import Body, BodySpec, hookimpl
    >>> @hookimpl
    ... def mimic_bodies():
    ...     yield BodySpec(name="stick", summary="one hinge",
    ...                    build=lambda config, variant: Body(name="stick", variant=variant, mjcf="<mujoco/>"))
    >>> next(mimic_bodies()).name
    'stick'
    """


@hookspec
def mimic_actuations() -> Iterator[ActuationSpec]:
    """Yield ways of driving a body: muscles, torques.

    >>> from mimic_core import ActuationSpec, hookimpl
    >>> @hookimpl
    ... def mimic_actuations():
    ...     yield ActuationSpec(name="limp", build=lambda config, body: None, summary="no actuators")
    >>> next(mimic_actuations()).name
    'limp'
    """


@hookspec
def mimic_simulators() -> Iterator[SimulatorSpec]:
    """Yield physics engines.

    >>> from mimic_core import SimulatorSpec, hookimpl
    >>> @hookimpl
    ... def mimic_simulators():
    ...     yield SimulatorSpec(name="still", build=lambda config, model, differentiable: None,
    ...                         rank={"cpu": 0.0}, differentiable=False)
    >>> next(mimic_simulators()).rank
    {'cpu': 0.0}
    """


@hookspec
def mimic_readers() -> Iterator[ReaderSpec]:
    """Yield readers of keypoint files.

    >>> from mimic_core import ReaderSpec, hookimpl
    >>> @hookimpl
    ... def mimic_readers():
    ...     yield ReaderSpec(name="mine", suffixes=(".mine",), build=lambda config: None)
    >>> next(mimic_readers()).suffixes
    ('.mine',)
    """


@hookspec
def mimic_formats() -> Iterator[FormatSpec]:
    """Yield file layouts of other programs, for ``mimic export`` and ``mimic import``.

    >>> from mimic_core import FormatSpec, hookimpl
    >>> @hookimpl
    ... def mimic_formats():
    ...     yield FormatSpec(name="mine", suffixes=(".mine",), build=lambda config: None)
    >>> next(mimic_formats()).kind
    'clips'
    """


@hookspec
def mimic_sources() -> Iterator[SourceSpec]:
    """Yield makers of keypoint data (synthetic movements), for demonstrations and tests.

    >>> from mimic_core import SourceSpec, hookimpl
    >>> @hookimpl
    ... def mimic_sources():
    ...     yield SourceSpec(name="wave", build=lambda config, model, seed: None)
    >>> next(mimic_sources()).name
    'wave'
    """


@hookspec
def mimic_registrations() -> Iterator[RegistrationSpec]:
    """Yield methods that fit a body to keypoints.

    One that can keep the body of an animal that was registered before, and fit only its movements, also gives
    ``build_calibrated(config, calibration)``; ``mimic register --calibration`` asks for it.

    >>> from mimic_core import RegistrationSpec, hookimpl
    >>> @hookimpl
    ... def mimic_registrations():
    ...     yield RegistrationSpec(name="guess", build=lambda config, body: None)
    >>> next(mimic_registrations()).default
    False
    """


@hookspec
def mimic_rewards() -> Iterator[RewardSpec]:
    """Yield reward terms.

    >>> from mimic_core import RewardSpec, hookimpl
    >>> @hookimpl
    ... def mimic_rewards():
    ...     yield RewardSpec(name="alive", build=lambda config, model: lambda step: 1.0, units="1")
    >>> next(mimic_rewards()).units
    '1'
    """


@hookspec
def mimic_observations() -> Iterator[ObservationSpec]:
    """Yield what the policy sees.

    >>> from mimic_core import ObservationSpec, hookimpl
    >>> @hookimpl
    ... def mimic_observations():
    ...     yield ObservationSpec(name="angles", role="proprioception",
    ...                           build=lambda config, model: lambda step: step.joint_pos)
    >>> next(mimic_observations()).role
    'proprioception'
    """


@hookspec
def mimic_terminations() -> Iterator[TerminationSpec]:
    """Yield reasons to end an episode.

    >>> from mimic_core import TerminationSpec, hookimpl
    >>> @hookimpl
    ... def mimic_terminations():
    ...     yield TerminationSpec(name="never", build=lambda config, model: lambda step: False)
    >>> next(mimic_terminations()).name
    'never'
    """


@hookspec
def mimic_policies() -> Iterator[PolicySpec]:
    """Yield trainable controllers.

    >>> from mimic_core import PolicySpec, hookimpl
    >>> @hookimpl
    ... def mimic_policies():
    ...     yield PolicySpec(name="zero", build=lambda config, task: None)
    >>> next(mimic_policies()).name
    'zero'
    """


@hookspec
def mimic_perturbations() -> Iterator[PerturbationSpec]:
    """Yield what can disturb a trained controller while it acts.

    >>> from mimic_core import Perturbation, PerturbationSpec, hookimpl
    >>> @hookimpl
    ... def mimic_perturbations():
    ...     yield PerturbationSpec(name="nothing", build=lambda config, context: Perturbation())
    >>> next(mimic_perturbations()).name
    'nothing'
    """


@hookspec
def mimic_recordings() -> Iterator[RecordingSpec]:
    """Yield readers of EMG.

    >>> from mimic_core import Emg, RecordingSpec, hookimpl
    >>> def build(config):
    ...     return lambda files: Emg(rate_hz=200, trial_names=["reach"], muscle_names=["biceps"], envelope=[[[0.5]]])
    >>> @hookimpl
    ... def mimic_recordings():
    ...     yield RecordingSpec(name="one_sample", build=build, summary="half of what biceps can do")
    >>> next(mimic_recordings()).build(None)([]).muscle_names
    ('biceps',)
    """


@hookspec
def mimic_analyses() -> Iterator[AnalysisSpec]:
    """Yield analyses of rollouts, or with ``of`` of other records.

    >>> from mimic_core import AnalysisSpec, Result, hookimpl
    >>> @hookimpl
    ... def mimic_analyses():
    ...     yield AnalysisSpec(name="count",
    ...                        build=lambda config: lambda rollouts: Result(metrics={"clips": 3}))
    >>> next(mimic_analyses()).name
    'count'
    """


@hookspec
def mimic_reports() -> Iterator[ReportSpec]:
    """Yield writers that turn a finished run into something a person reads.

    >>> from mimic_core import ReportSpec, hookimpl
    >>> @hookimpl
    ... def mimic_reports():
    ...     yield ReportSpec(name="text", build=lambda config: lambda run, out: out)
    >>> next(mimic_reports()).name
    'text'
    """


@hookspec
def mimic_loggers() -> Iterator[LoggerSpec]:
    """Yield loggers, which keep what happens in a training where it can be watched.

    >>> from mimic_core import LoggerSpec, hookimpl
    >>> class Printer:
    ...     @hookimpl
    ...     def mimic_progress(self, done, metrics):
    ...         print(f"{done:g} steps, reward {metrics['reward']:g}")
    >>> @hookimpl
    ... def mimic_loggers():
    ...     yield LoggerSpec(name="printer", build=lambda config, out: Printer())
    >>> next(mimic_loggers()).build(None, "run/logs").mimic_progress(done=2000, metrics={"reward": 3.5})
    2000 steps, reward 3.5
    """


@hookspec
def mimic_executors() -> Iterator[ExecutorSpec]:
    """Yield ways to run the jobs of a sweep: in processes, on a cluster.

    >>> from mimic_core import ExecutorSpec, Outcome, hookimpl
    >>> def build(config):
    ...     def run(work, jobs):
    ...         for job in jobs:
    ...             yield Outcome(job, error="nobody works here")
    ...     return run
    >>> @hookimpl
    ... def mimic_executors():
    ...     yield ExecutorSpec(name="idle", build=build)
    >>> next(mimic_executors()).name
    'idle'
    """


@hookspec
def mimic_commands() -> Iterator[CommandSpec]:
    """Yield extra subcommands of ``mimic``.

    >>> from mimic_core import CommandSpec, hookimpl
    >>> def hello():
    ...     "Say hello."
    >>> @hookimpl
    ... def mimic_commands():
    ...     yield CommandSpec(name="hello", function=hello)
    >>> next(mimic_commands()).name
    'hello'
    """


@hookspec
def mimic_stage_started(stage: str, settings: Mapping[str, Any]) -> None:
    """Hear that a stage (``register``, ``train``, …) begins, with its settings.

    >>> from mimic_core import hookimpl
    >>> @hookimpl
    ... def mimic_stage_started(stage, settings):
    ...     print(stage, "with", len(settings), "settings")
    >>> mimic_stage_started(stage="train", settings={"seed": 0})
    train with 1 settings
    """


@hookspec
def mimic_progress(stage: str, done: float, total: float, metrics: Mapping[str, float]) -> None:
    """Hear how far a stage is. Called about once a second, never per control step.

    In a training ``done`` and ``total`` are control steps, and ``metrics`` holds what was read back from the device:
    the mean of every reward term by its name, ``reward``, ``steps_per_second``, the losses, and after an evaluation
    ``tracking_mm``.

    >>> from mimic_core import hookimpl
    >>> @hookimpl
    ... def mimic_progress(stage, done, total, metrics):
    ...     print(f"{stage}: {done / total:.0%}")
    >>> mimic_progress(stage="train", done=1, total=4, metrics={})
    train: 25%
    """


@hookspec
def mimic_stage_finished(stage: str, summary: Mapping[str, Any]) -> None:
    """Hear that a stage ended, with its summary (what ``--json`` prints).

    >>> from mimic_core import hookimpl
    >>> @hookimpl
    ... def mimic_stage_finished(stage, summary):
    ...     print(stage, "done")
    >>> mimic_stage_finished(stage="train", summary={})
    train done
    """


@hookspec
def mimic_stage_failed(stage: str, error: BaseException) -> None:
    """Hear that an error ended a stage, or that the user stopped it (`KeyboardInterrupt`).

    >>> from mimic_core import hookimpl
    >>> @hookimpl
    ... def mimic_stage_failed(stage, error):
    ...     print(stage, "failed:", error)
    >>> mimic_stage_failed(stage="train", error=ValueError("reward is not finite"))
    train failed: reward is not finite
    """
