"""Readers of 3D keypoint files. docs/keypoint-files.md says what each needs."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from mimic_core import ReaderSpec, hookimpl
from mimic_readers import settings

_HDF5 = (".h5", ".hdf5")


def _build(module: str) -> Callable[[Any], Callable[[Path], Any]]:
    """Build function of the reader in ``module``, which is imported once a file is read."""
    return lambda config: lambda path: import_module(f"mimic_readers.{module}").read(Path(path), config)


def _accepts(module: str) -> Callable[[Path], bool]:
    return lambda path: import_module(f"mimic_readers.{module}").accepts(Path(path))


def _example(reader: str) -> Callable[[Path], Path]:
    return lambda folder: getattr(import_module("mimic_readers.examples"), reader)(Path(folder))


def build_mimic(config):
    from mimic_core import Keypoints

    return Keypoints.load


def accepts_mimic(path):
    from mimic_core import DataError, Keypoints
    from mimic_core.records import open_hdf5

    try:
        with open_hdf5(path) as f:
            return f.attrs.get("mimic_kind") == Keypoints.KIND
    except DataError:
        return False  # a damaged file is another reader's to complain of


@hookimpl
def mimic_readers():
    yield ReaderSpec(
        name="mimic",
        build=build_mimic,
        suffixes=_HDF5,
        accepts=accepts_mimic,
        summary="keypoints that 'mimic generate' wrote (.h5)",
        example=_example("mimic"),
    )
    yield ReaderSpec(
        name="stac_mjx",
        config=settings.StacMjx,
        build=_build("stac_mjx"),
        suffixes=_HDF5,
        accepts=_accepts("stac_mjx"),
        summary="STAC-MJX .h5 (datasets kp_data and kp_names)",
        source="file layout of talmolab/stac-mjx",
    )
    yield ReaderSpec(
        name="sleap_anipose",
        config=settings.SleapAnipose,
        build=_build("sleap_anipose"),
        suffixes=_HDF5,
        accepts=_accepts("sleap_anipose"),
        summary="SLEAP-Anipose 3D points .h5 (dataset tracks)",
        source="file layout of talmolab/sleap-anipose",
    )
    yield ReaderSpec(
        name="sleap",
        config=settings.Sleap,
        build=_build("sleap"),
        suffixes=(".slp",),
        summary="SLEAP .slp of several cameras, triangulated with an Anipose calibration (.toml)",
        source="Karashchuk et al. 2021, doi:10.1016/j.celrep.2021.109730",
    )
    yield ReaderSpec(
        name="wide_csv",
        config=settings.WideCsv,
        build=_build("wide_csv"),
        suffixes=(".csv",),
        accepts=_accepts("wide_csv"),
        summary="wide .csv (columns time, <keypoint>_x, <keypoint>_y, <keypoint>_z; s and m)",
        example=_example("wide_csv"),
    )
    yield ReaderSpec(
        name="dlc_csv",
        config=settings.DlcCsv,
        build=_build("dlc_csv"),
        suffixes=(".csv",),
        accepts=_accepts("dlc_csv"),
        summary="DeepLabCut 3D .csv (header rows scorer, bodyparts, coords)",
        source="file layout of DeepLabCut/DeepLabCut",
    )
    yield ReaderSpec(
        name="dlc_h5",
        config=settings.DlcCsv,
        build=_build("dlc_h5"),
        suffixes=_HDF5,
        accepts=_accepts("dlc_h5"),
        summary="DeepLabCut 3D .h5 (table df_with_missing)",
        source="file layout of DeepLabCut/DeepLabCut",
    )
    yield ReaderSpec(
        name="jarvis_csv",
        config=settings.JarvisCsv,
        build=_build("jarvis_csv"),
        suffixes=(".csv",),
        accepts=_accepts("jarvis_csv"),
        summary="JARVIS data3D.csv (a row of names, a row x, y, z, confidence; mm)",
        source="file layout of JARVIS-MoCap/JARVIS-HybridNet",
    )
    yield ReaderSpec(
        name="long_csv",
        config=settings.LongCsv,
        build=_build("long_csv"),
        suffixes=(".csv",),
        accepts=_accepts("long_csv"),
        summary="tidy .csv (a row for each keypoint of each frame: frame, keypoint, x, y, z)",
    )
    yield ReaderSpec(
        name="anipose_csv",
        config=settings.AniposeCsv,
        build=_build("anipose_csv"),
        suffixes=(".csv",),
        accepts=_accepts("anipose_csv"),
        summary="Anipose 3D .csv (columns <keypoint>_x, _y, _z, _error, _ncams, _score, and fnum)",
        source="file layout of lambdaloop/anipose",
    )
    yield ReaderSpec(
        name="trc",
        config=settings.Trc,
        build=_build("trc"),
        suffixes=(".trc",),
        summary="OpenSim and Motion Analysis marker trajectories (.trc)",
        example=_example("trc"),
        source="OpenSim documentation, Marker (.trc) Files",
    )
    yield ReaderSpec(
        name="c3d",
        config=settings.C3d,
        build=_build("c3d"),
        suffixes=(".c3d",),
        summary="C3D of motion capture systems (.c3d)",
        source="The C3D File Format, c3d.org; read by pyomeca/ezc3d",
    )
    yield ReaderSpec(
        name="sto",
        config=settings.Sto,
        build=_build("sto"),
        suffixes=(".sto", ".mot"),
        summary="OpenSim's marker locations (.sto, .mot)",
        example=_example("sto"),
        source="OpenSim documentation, Storage (.sto) Files",
    )
    yield ReaderSpec(
        name="mat",
        config=settings.Mat,
        build=_build("mat"),
        suffixes=(".mat",),
        summary="DANNCE, Label3D and other MATLAB .mat (variable pred: frames, xyz, keypoints; or data_3D)",
        source="file layouts of spoonsso/dannce and diegoaldarondo/Label3D",
    )
    yield ReaderSpec(
        name="nwb",
        config=settings.Nwb,
        build=_build("nwb"),
        suffixes=(".nwb",),
        summary="NWB .nwb with 3D pose estimation (extension ndx-pose, any version), or a Position of SpatialSeries",
        source="file layouts of rly/ndx-pose and of NWB",
    )
    yield ReaderSpec(
        name="movement",
        config=settings.Movement,
        build=_build("movement"),
        suffixes=(".nc",),
        summary="poses that movement saved (.nc), or any file that its loaders read (software)",
        source="neuroinformatics-unit/movement",
    )
