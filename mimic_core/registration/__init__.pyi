from .method import Register as Register
from .method import RegistrationSpec as RegistrationSpec
from .method import match_keypoints as match_keypoints
from .readers import GeneratorSpec as GeneratorSpec
from .readers import ReaderSpec as ReaderSpec
