"""A reader of keypoints: a line with the rate, one with the names, then x y z of each in mm, a line a frame."""

import numpy as np

from mimic_core import DataError, Keypoints, ReaderSpec, hookimpl

FIRST = "rate_hz"


def accepts(path):
    with path.open("rb") as file:
        return file.read(len(FIRST)) == FIRST.encode()


def read(path):
    """Read a file.

    Raises:
        DataError: it is not of this format.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rate_hz, names = float(lines[0].split()[1]), lines[1].split()
        positions = np.array([[float(x) for x in line.split()] for line in lines[2:]])
        positions = positions.reshape(len(lines) - 2, len(names), 3)
    except (ValueError, LookupError) as e:
        why = " ".join(str(e).split())
        raise DataError(
            f"{path}: not as expected ({why}); expected 'rate_hz 200', the names, then three numbers of each a line"
        ) from e
    return Keypoints.from_clips(
        [positions], names=names, rate_hz=rate_hz, clip_names=[path.stem], files=[str(path)], unit="mm"
    )


def example(folder):
    """Write a small file, for the checks."""
    path = folder / "trial.template"
    path.write_text("rate_hz 200\nelbow hand\n0 0 0 10 0 0\n0 0 0 nan nan nan\n0 0 0 10 1 0\n", encoding="utf-8")
    return path


@hookimpl
def mimic_readers():
    yield ReaderSpec(
        name="template",
        suffixes=(".template",),
        build=lambda config: read,
        accepts=accepts,
        example=example,
        summary="keypoints as lines of text",
    )
