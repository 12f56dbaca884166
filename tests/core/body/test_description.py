"""Descriptions of bodies: who imports the model, where it is looked for, what is laid over the file."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest
from fake_plugins import mimic

from mimic_core import MimicError, Plugins
from mimic_core.chain import discover, make_body
from mimic_core.testing import check_component, toy_body
from mimic_run import pipeline

STICKS = '''
"""An importer of a lab's own format: lines with the name and the length (m) of a segment."""

import attrs

from mimic_core import Body, DataError, ImporterSpec, hookimpl


@attrs.frozen
class Settings:
    density: float = attrs.field(default=1000.0, validator=attrs.validators.gt(0))


def build(config):
    def read(description):
        xml, sites, at = "", {}, 0.0
        try:
            rows = [line.split() for line in description.model.read_text().splitlines()]
        except ValueError as e:
            raise DataError(f"{description.model}: no text ({e}); expected a name and a length in each line") from e
        for name, length in rows:
            marks = ""
            for keypoint, place in description.keypoints.items():
                if place.body == name:
                    sites[keypoint] = f"mark_{keypoint}"
                    marks += f'<site name="mark_{keypoint}" pos="{" ".join(map(str, place.pos or (0, 0, 0)))}"/>'
            xml += (
                f'<body name="{name}" pos="{at} 0 0"><joint name="{name}_hinge" axis="0 1 0" range="-60 60"/>{marks}'
                f'<geom size="0.001" density="{config.density}" type="capsule" fromto="0 0 0 {length} 0 0"/>'
            )
            at = float(length)
        if lost := set(description.keypoints) - set(sites):
            raise DataError(f"{description.where}: keypoints.{min(lost)}.body: {description.model} has no such body")
        return Body(
            name=description.name,
            mjcf=f"<mujoco><worldbody>{xml}{'</body>' * len(rows)}</worldbody></mujoco>",
            keypoints=sites,
            keypoint_spread=description.keypoint_spread,
            torque_limits=description.torque_limits,
        )

    return read


@hookimpl
def mimic_importers():
    yield ImporterSpec(name="sticks", suffixes=(".sticks",), config=Settings, build=build, summary="segments in a row")
'''
LIMB = """
    name = "limb"
    model = "limb.sticks"
    keypoint_spread_mm = 3
    [keypoints]
    Knee = { body = "shank" }
    Toe = { body = "shank", pos = [0.02, 0, 0] }
    [torque_limits]
    thigh_hinge = 0.01
    shank_hinge = 0.01
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "sticks.py"
    path.write_text(STICKS)
    return path


@pytest.fixture(scope="module")
def with_sticks(plugin) -> Plugins:
    plugins = discover()
    plugins.load_file(plugin)
    return plugins


def write(folder: Path, description: str = LIMB) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "limb.sticks").write_text("thigh 0.03\nshank 0.02\n")
    (folder / "limb.toml").write_text(dedent(description))
    return folder / "limb.toml"


def refusal(plugins: Plugins, file: Path, settings: dict | None = None) -> str:
    with pytest.raises(MimicError) as e:
        make_body(plugins, str(file), settings)
    assert "\n" not in str(e.value)
    return str(e.value)


def test_importer_of_another_lab_is_found_by_the_ending_of_the_model(with_sticks, tmp_path):
    body = make_body(with_sticks, str(write(tmp_path)))
    assert body.name == "limb" and body.keypoints == {"Knee": "mark_Knee", "Toe": "mark_Toe"}
    assert body.keypoint_spread == pytest.approx(0.003) and body.torque_limits["thigh_hinge"] == 0.01
    by_name = write(tmp_path / "by_name", LIMB.replace("model =", "sticks ="))
    assert make_body(with_sticks, str(by_name)) == body


def test_settings_of_the_importer_stand_in_the_description(with_sticks, tmp_path):
    def mass(description: str, settings: dict | None = None) -> float:
        spec = make_body(with_sticks, str(write(tmp_path, description)), settings).spec()
        return spec.compile().body_mass.sum()

    heavy = LIMB.replace("[keypoints]", "density = 2000\n    [keypoints]")
    assert mass(heavy) == pytest.approx(2 * mass(LIMB))
    assert mass(heavy, {"density": 500.0}) == pytest.approx(0.5 * mass(LIMB))
    assert refusal(with_sticks, write(tmp_path), {"density": -1.0}) == "body.density: must be > 0, got -1"
    said = refusal(with_sticks, write(tmp_path, heavy.replace("density", "densty")))
    assert said == f"{tmp_path / 'limb.toml'}: densty: unknown setting; did you mean density?"


def test_settings_are_laid_over_the_description(with_sticks, tmp_path, monkeypatch):
    file = write(tmp_path)
    body = make_body(with_sticks, str(file), {"name": "other", "torque_limits": {"thigh_hinge": 0.5}})
    assert body.name == "other" and body.torque_limits == {"thigh_hinge": 0.5, "shank_hinge": 0.01}
    assert refusal(with_sticks, file, {"rot": "free"}) == "body.rot: unknown setting; did you mean root?"
    assert "body.root: must be one of 'model', 'free', 'fixed', got 'up'" in refusal(with_sticks, file, {"root": "up"})
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "short.sticks").write_text("shank 0.01\nthigh 0.01\n")
    monkeypatch.chdir(tmp_path / "here")  # a model that is given is meant from the current folder
    for key in ("model", "sticks"):
        assert make_body(with_sticks, str(file), {key: "short.sticks"}).mjcf.index("shank") < 60


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "limb.sticks",
            "limb.bvh",
            "model: nobody imports '.bvh'; known endings: .mjcf (mjcf), .osim (osim), .sticks (sticks), .xml (mjcf); "
            "convert the model, or install a plugin that imports it",
        ),
        ("limb.sticks", "limb", "model: nobody imports files without ending; known endings: .mjcf (mjcf), "),
        ('model = "limb.sticks"', "", 'names no model; add model = "FILE", its ending one of .mjcf (mjcf), .osim'),
        ("name =", 'sticks = "limb.sticks"\n    name =', "names its model by model and sticks; leave one out"),
        ('"limb.sticks"', "3", "model: must be the name of a file, got 3"),
        ("shank", "shin", "keypoints.Knee.body: "),
        ("name =", 'where = "here"\n    name =', "where: unknown setting"),
    ],
)
def test_bad_description(with_sticks, tmp_path, old, new, said):
    file = write(tmp_path, LIMB.replace(old, new))
    assert refusal(with_sticks, file).startswith(f"{file}: {said}")


def test_importer_conforms(with_sticks):
    passed = check_component(with_sticks.provider("importer", "sticks"), with_sticks)
    assert passed == ["settings", "summary", "builds", "suffixes", "foreign file"]


def test_run_file_finds_description_and_model_from_its_own_folder(with_sticks, tmp_path, monkeypatch):
    write(tmp_path / "bodies")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "long.sticks").write_text("thigh 0.05\nshank 0.04\n")
    (tmp_path / "run.toml").write_text(
        "[body]\nname = 'bodies/limb.toml'\nmodel = 'models/long.sticks'\n[generate]\nclips = 1\nframes = 4\n"
    )
    monkeypatch.chdir(tmp_path / "models")
    out = tmp_path / "out"
    assert pipeline.run(with_sticks, tmp_path / "run.toml", out)["done"] == ["generate"]
    (tmp_path / "models" / "long.sticks").write_text("thigh 0.05\nshank 0.06\n")
    assert pipeline.run(with_sticks, tmp_path / "run.toml", out)["done"] == ["generate"]
    assert pipeline.run(with_sticks, tmp_path / "run.toml", out)["done"] == []
    # one that is laid over the run file is meant from the current folder
    pipeline.run(with_sticks, tmp_path / "run.toml", out, {"body": {"model": "long.sticks"}})
    with pytest.raises(MimicError, match=r"long\.sticks: no such file; check the path of the model"):
        pipeline.run(with_sticks, tmp_path / "run.toml", out, {"body": {"model": "models/long.sticks"}})


def test_command_line_takes_an_importer_from_a_file(plugin, tmp_path):
    write(tmp_path)
    command = ("--plugin", plugin, "generate", "--body", "limb.toml", "--set", "clips=1", "--out", "k.h5", "--json")
    done = mimic(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["keypoints"] == ["Knee", "Toe"]


def test_a_body_is_built_or_described(plugins):
    from mimic_core import BodySpec

    with pytest.raises(ValueError, match="body mine: must have either build or description"):
        BodySpec(name="mine")
    with pytest.raises(ValueError, match="must have either build or description"):
        BodySpec(name="mine", build=lambda config, variant: toy_body(), description=Path("mine.toml"))
