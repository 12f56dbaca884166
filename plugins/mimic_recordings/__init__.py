"""Keypoint files of one animal, as every reader's are taken in: read, checked, and joined into one set of clips."""

from __future__ import annotations

from mimic_recordings.checking import checked as checked
from mimic_recordings.checking import gathered as gathered
from mimic_recordings.checking import join as join
from mimic_recordings.reading import read_keypoints as read_keypoints
from mimic_recordings.reading import read_recordings as read_recordings
