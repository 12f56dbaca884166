"""How plugins get in: marks of hooks, records of components, stages and what they read, the manager.

Every room may import it; it imports only errors, config and files.
Its names are in ``__init__.pyi``; each is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
