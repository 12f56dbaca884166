"""From files to keypoints, and from keypoints to clips: readers, generators, units, and methods that fit a body.

Rooms above it may import it; it imports records, body and plugins.
Its names are in ``__init__.pyi``; each is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
