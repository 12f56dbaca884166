"""What a command line adds: commands with their help, and what displays are given. Importing it does not import jax.

Nothing imports it but the commands of plugins; it imports every room below.
Its names are in ``__init__.pyi``; each is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
