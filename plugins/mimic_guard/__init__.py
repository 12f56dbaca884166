"""Reading what strangers made, ending well, telling of a long wait: what core and plugins share, and knows neither.

Whatever is refused is a `Refused`, in one line without the file's name, which the caller adds.
"""


class Refused(ValueError):
    """Something asks for more than it can need, or for what is not its own."""
