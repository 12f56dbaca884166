"""Names of the public face and where each is defined."""

from .analysis.report import ReportSpec as ReportSpec
from .analysis.result import Headline as Headline
from .analysis.result import Result as Result
from .analysis.result import Table as Table
from .analysis.spec import AnalysisSpec as AnalysisSpec
from .body.actuation import Actuation as Actuation
from .body.actuation import ActuationSpec as ActuationSpec
from .body.body import Body as Body
from .body.body import BodySpec as BodySpec
from .body.body import Muscle as Muscle
from .body.body import Physics as Physics
from .body.importer import Description as Description
from .body.importer import ImporterSpec as ImporterSpec
from .body.importer import Place as Place
from .body.model import BodyModel as BodyModel
from .chain.executor import ExecutorSpec as ExecutorSpec
from .chain.executor import Job as Job
from .chain.executor import Outcome as Outcome
from .chain.notebook import register as register
from .chain.notebook import train as train
from .config import (
    flatten as flatten,
)
from .config import (
    merge as merge,
)
from .config import (
    read_toml as read_toml,
)
from .config import (
    structure as structure,
)
from .config import (
    unstructure as unstructure,
)
from .control.perturbation import (
    Perturbation as Perturbation,
)
from .control.perturbation import (
    PerturbationSpec as PerturbationSpec,
)
from .control.perturbation import (
    RolloutContext as RolloutContext,
)
from .control.policy import Controller as Controller
from .control.policy import Decision as Decision
from .control.policy import PolicySpec as PolicySpec
from .control.policy import Trainer as Trainer
from .errors import (
    ConfigError as ConfigError,
)
from .errors import (
    DataError as DataError,
)
from .errors import (
    DataWarning as DataWarning,
)
from .errors import (
    MimicError as MimicError,
)
from .errors import (
    PluginError as PluginError,
)
from .errors import (
    TrainingError as TrainingError,
)
from .errors import (
    blaming as blaming,
)
from .errors import (
    did_you_mean as did_you_mean,
)
from .files import (
    atomic_path as atomic_path,
)
from .files import (
    check_output as check_output,
)
from .files import (
    file_hash as file_hash,
)
from .files import (
    to_json as to_json,
)
from .files import (
    value_hash as value_hash,
)
from .files import (
    write_json as write_json,
)
from .files import (
    write_text as write_text,
)
from .physics.simulator import (
    Readings as Readings,
)
from .physics.simulator import (
    SimState as SimState,
)
from .physics.simulator import (
    Simulator as Simulator,
)
from .physics.simulator import (
    SimulatorSpec as SimulatorSpec,
)
from .plugins.command import CommandSpec as CommandSpec
from .plugins.component import ComponentSpec as ComponentSpec
from .plugins.component import NoSettings as NoSettings
from .plugins.context import Context as Context
from .plugins.context import Progress as Progress
from .plugins.display import Display as Display
from .plugins.display import DisplaySpec as DisplaySpec
from .plugins.inputs import Inputs as Inputs
from .plugins.inputs import Reads as Reads
from .plugins.logger import LoggerSpec as LoggerSpec
from .plugins.manager import Plugins as Plugins
from .plugins.markers import MIMIC_API as MIMIC_API
from .plugins.markers import hookimpl as hookimpl
from .plugins.stage import Choice as Choice
from .plugins.stage import StageSpec as StageSpec
from .plugins.stage import choice as choice
from .plugins.stage import option as option
from .records.calibration import Calibration as Calibration
from .records.clips import ReferenceClips as ReferenceClips
from .records.emg import Emg as Emg
from .records.emg import EmgReaderSpec as EmgReaderSpec
from .records.formats import Format as Format
from .records.formats import FormatSpec as FormatSpec
from .records.keypoints import Keypoints as Keypoints
from .records.kinds import RecordSpec as RecordSpec
from .records.rollouts import Rollouts as Rollouts
from .records.storage import Record as Record
from .registration.method import RegistrationSpec as RegistrationSpec
from .registration.readers import GeneratorSpec as GeneratorSpec
from .registration.readers import ReaderSpec as ReaderSpec
from .task.step import Kinematics as Kinematics
from .task.step import StepView as StepView
from .task.step import Term as Term
from .task.terms import Goal as Goal
from .task.terms import ObservationSpec as ObservationSpec
from .task.terms import RewardSpec as RewardSpec
from .task.terms import TaskSpec as TaskSpec
from .task.terms import TerminationSpec as TerminationSpec
