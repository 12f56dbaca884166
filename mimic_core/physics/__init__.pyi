from .randomisation import Randomisation as Randomisation
from .simulator import Readings as Readings
from .simulator import SimState as SimState
from .simulator import Simulator as Simulator
from .simulator import SimulatorSpec as SimulatorSpec
from .simulator import substeps as substeps
