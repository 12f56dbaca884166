"""What commands that run several stages share: reading run files, the paths in them, and locks on run folders.

A library that plugins share; it offers no component.
"""

from mimic_runs.lock import LOCK as LOCK
from mimic_runs.lock import locked as locked
from mimic_runs.paths import with_paths as with_paths
from mimic_runs.run_file import load_run_file as load_run_file
from mimic_runs.run_file import sections as sections
