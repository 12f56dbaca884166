"""mimic: a plugin framework for neuromechanical imitation learning.

This module is the public face of the core: what a plugin needs is imported from here. Importing it
loads neither jax nor mujoco.
"""

from mimic_core.actuation import Actuation, ActuationSpec
from mimic_core.analysis import AnalysisSpec, Result, Table
from mimic_core.body import Body, BodyModel, BodySpec, Muscle, Physics
from mimic_core.calibration import Calibration
from mimic_core.clips import ReferenceClips
from mimic_core.command import CommandSpec
from mimic_core.component import ComponentSpec, NoSettings
from mimic_core.emg import Emg, RecordingSpec
from mimic_core.errors import ConfigError, DataError, MimicError, PluginError, TrainingError
from mimic_core.exchange import FormatSpec
from mimic_core.executor import ExecutorSpec, Job, Outcome
from mimic_core.hookspecs import hookimpl
from mimic_core.keypoints import Keypoints, ReaderSpec, SourceSpec
from mimic_core.logger import LoggerSpec
from mimic_core.observation import ObservationSpec
from mimic_core.perturbation import Perturbation, PerturbationSpec, RolloutContext
from mimic_core.policy import Controller, Decision, PolicySpec, Trainer
from mimic_core.registration import RegistrationSpec
from mimic_core.report import ReportSpec
from mimic_core.reward import RewardSpec
from mimic_core.rollouts import Rollouts
from mimic_core.simulator import Readings, SimState, Simulator, SimulatorSpec
from mimic_core.step import Kinematics, StepView, Term
from mimic_core.sweep_results import SweepResults
from mimic_core.termination import TerminationSpec

MIMIC_API = 1
"""Version of this interface. It changes when a plugin written for the old one would break."""

__all__ = [
    "MIMIC_API",
    "Actuation",
    "ActuationSpec",
    "AnalysisSpec",
    "Body",
    "BodyModel",
    "BodySpec",
    "Calibration",
    "CommandSpec",
    "ComponentSpec",
    "ConfigError",
    "Controller",
    "DataError",
    "Decision",
    "Emg",
    "ExecutorSpec",
    "FormatSpec",
    "Job",
    "Keypoints",
    "Kinematics",
    "LoggerSpec",
    "MimicError",
    "Muscle",
    "NoSettings",
    "ObservationSpec",
    "Outcome",
    "Perturbation",
    "PerturbationSpec",
    "Physics",
    "PluginError",
    "PolicySpec",
    "ReaderSpec",
    "Readings",
    "RecordingSpec",
    "ReferenceClips",
    "RegistrationSpec",
    "ReportSpec",
    "Result",
    "RewardSpec",
    "RolloutContext",
    "Rollouts",
    "SimState",
    "Simulator",
    "SimulatorSpec",
    "SourceSpec",
    "StepView",
    "SweepResults",
    "Table",
    "Term",
    "TerminationSpec",
    "Trainer",
    "TrainingError",
    "hookimpl",
]
