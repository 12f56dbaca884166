"""mimic: a plugin framework for neuromechanical imitation learning.

This module is the public face of the core: what a plugin needs is imported from here, or from the face of a room
(`mimic_core.analysis`, `mimic_core.trainer`, `mimic_core.testing`, …). Importing it loads neither jax nor mujoco.
"""

from mimic_core.analysis.report import ReportSpec
from mimic_core.analysis.result import Headline, Result, Table
from mimic_core.analysis.spec import AnalysisSpec
from mimic_core.body.actuation import Actuation, ActuationSpec
from mimic_core.body.body import Body, BodySpec, Muscle, Physics
from mimic_core.body.importer import Description, ImporterSpec, Place
from mimic_core.body.model import BodyModel
from mimic_core.chain.executor import ExecutorSpec, Job, Outcome
from mimic_core.config import flatten, merge, read_toml, structure, unstructure
from mimic_core.control.perturbation import Perturbation, PerturbationSpec, RolloutContext
from mimic_core.control.policy import Controller, Decision, PolicySpec, Trainer
from mimic_core.errors import ConfigError, DataError, MimicError, PluginError, TrainingError, did_you_mean
from mimic_core.files import atomic_path, check_output, file_hash, to_json, value_hash, write_json, write_text
from mimic_core.physics.simulator import Readings, SimState, Simulator, SimulatorSpec
from mimic_core.plugins.command import CommandSpec
from mimic_core.plugins.component import ComponentSpec, NoSettings
from mimic_core.plugins.context import Context, Progress
from mimic_core.plugins.inputs import Inputs, Reads
from mimic_core.plugins.logger import LoggerSpec
from mimic_core.plugins.manager import Plugins
from mimic_core.plugins.markers import MIMIC_API, hookimpl
from mimic_core.plugins.stage import Choice, StageSpec, choice, option
from mimic_core.records.calibration import Calibration
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.emg import Emg, EmgReaderSpec
from mimic_core.records.formats import Format, FormatSpec
from mimic_core.records.keypoints import Keypoints
from mimic_core.records.kinds import RecordSpec
from mimic_core.records.rollouts import Rollouts
from mimic_core.records.storage import Record
from mimic_core.registration.method import RegistrationSpec
from mimic_core.registration.readers import GeneratorSpec, ReaderSpec
from mimic_core.task.step import Kinematics, StepView, Term
from mimic_core.task.terms import ObservationSpec, RewardSpec, TerminationSpec

__all__ = [
    "MIMIC_API",
    "Actuation",
    "ActuationSpec",
    "AnalysisSpec",
    "Body",
    "BodyModel",
    "BodySpec",
    "Calibration",
    "Choice",
    "CommandSpec",
    "ComponentSpec",
    "ConfigError",
    "Context",
    "Controller",
    "DataError",
    "Decision",
    "Description",
    "Emg",
    "EmgReaderSpec",
    "ExecutorSpec",
    "Format",
    "FormatSpec",
    "GeneratorSpec",
    "Headline",
    "ImporterSpec",
    "Inputs",
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
    "Place",
    "PluginError",
    "Plugins",
    "PolicySpec",
    "Progress",
    "ReaderSpec",
    "Readings",
    "Reads",
    "Record",
    "RecordSpec",
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
    "StageSpec",
    "StepView",
    "Table",
    "Term",
    "TerminationSpec",
    "Trainer",
    "TrainingError",
    "atomic_path",
    "check_output",
    "choice",
    "did_you_mean",
    "file_hash",
    "flatten",
    "hookimpl",
    "merge",
    "option",
    "read_toml",
    "structure",
    "to_json",
    "unstructure",
    "value_hash",
    "write_json",
    "write_text",
]
