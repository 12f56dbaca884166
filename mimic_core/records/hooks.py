"""Hooks that bring kinds of record, readers of EMG, and files of other programs."""

from __future__ import annotations

from collections.abc import Iterator

from mimic_core.plugins.component import Kind
from mimic_core.plugins.markers import hookspec
from mimic_core.records.emg import EmgReaderSpec
from mimic_core.records.formats import FormatSpec
from mimic_core.records.kinds import RecordSpec


@hookspec
def mimic_records() -> Iterator[RecordSpec]:
    """Yield kinds of record, which stages write and which stages and analyses read.

    >>> @hookimpl
    ... def mimic_records():
    ...     yield RecordSpec(name="forces", build=lambda path: path.read_text(), made_by="mimic plates",
    ...                      holds=lambda path: path.suffix == ".forces")
    """


@hookspec
def mimic_emg_readers() -> Iterator[EmgReaderSpec]:
    """Yield readers of EMG.

    >>> def build(config):
    ...     return lambda files: Emg(rate_hz=200, trial_names=["reach"], muscle_names=["biceps"], envelope=[[[0.5]]])
    >>> @hookimpl
    ... def mimic_emg_readers():
    ...     yield EmgReaderSpec(name="one_sample", build=build, summary="half of what biceps can do")
    """


@hookspec
def mimic_formats() -> Iterator[FormatSpec]:
    """Yield file layouts of other programs, for ``mimic export`` and ``mimic import``.

    >>> @hookimpl
    ... def mimic_formats():
    ...     yield FormatSpec(name="mine", suffixes=(".mine",), build=lambda config: None)
    """


KINDS = (
    Kind("record", "mimic_records", RecordSpec),
    Kind("emg_reader", "mimic_emg_readers", EmgReaderSpec),
    Kind("format", "mimic_formats", FormatSpec),
)
"""Kinds of component that come through these hooks."""
