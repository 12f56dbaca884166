"""What a policy and a controller are, and what disturbs a controller while it acts.

Rooms above it may import it; it imports task and the rooms below that.
Its names are in ``__init__.pyi``; each is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
