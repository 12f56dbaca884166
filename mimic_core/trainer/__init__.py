"""What learners share: the loop around an iteration, checkpoints, the curve, devices, faults, values of settings.

The core runs every policy with it; plugins with learners of their own take parts from it. Rooms above it may import
it; it imports analysis and the rooms below that.
Its names are in ``__init__.pyi``; each is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
