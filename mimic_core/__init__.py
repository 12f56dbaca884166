"""mimic: a plugin framework for neuromechanical imitation learning.

This module is the public face of the core: what a plugin needs is imported from here, or from the face of a room
(`mimic_core.analysis`, `mimic_core.trainer`, `mimic_core.testing`, …). Its names are in ``__init__.pyi``; each is
imported when it is first used, and none of them loads jax or mujoco.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
