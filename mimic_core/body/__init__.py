"""What a body is: skeleton, keypoints and muscles as data; the compiled model; what drives it; its size.

Every room above it may import it; it imports plugins.
Its names are in ``__init__.pyi``; each is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
