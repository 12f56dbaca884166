from .perturbation import Perturbation as Perturbation
from .perturbation import PerturbationSpec as PerturbationSpec
from .perturbation import RolloutContext as RolloutContext
from .policy import Controller as Controller
from .policy import Decision as Decision
from .policy import PolicySpec as PolicySpec
from .policy import Trainer as Trainer
