"""The engine: doing a stage, sections of run files, choosing of components, putting a training together.

Testing, cli, plugins of stages and programs that run a chain may import it; it imports every room below.
Its names are in ``__init__.pyi``; each is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
