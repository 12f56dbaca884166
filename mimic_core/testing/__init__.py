"""For plugin authors: a toy body, steps to try terms on, conformance checks, and test classes to inherit.

Only cli and tests import it; it imports every room below.
Its names are in ``__init__.pyi``; each is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
