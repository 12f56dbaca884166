"""The engine: one file for each stage, choosing of components, run files, their order, and jobs in processes.

Only testing and cli may import it, and programs that run a chain; it imports every room below.
Its names are in ``__init__.pyi``; each is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
