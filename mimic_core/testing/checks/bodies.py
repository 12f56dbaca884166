"""Checks of bodies, and of what drives them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from mimic_core.body.body import Body, BodySpec
from mimic_core.body.model import BodyModel
from mimic_core.chain.choose import built_body
from mimic_core.chain.installed import installed
from mimic_core.config import structure
from mimic_core.errors import ConfigError, PluginError
from mimic_core.files import to_json
from mimic_core.plugins.manager import Plugins
from mimic_core.testing.steps import actuations
from mimic_core.testing.toy import toy_body


def _bodies(record: BodySpec, plugins: Plugins | None) -> Iterator[Body]:
    for variant in record.variants or (None,):
        yield built_body(plugins or installed(), record, variant)


def check_body_compiles(record: BodySpec, plugins: Plugins | None = None) -> None:
    """Every variant compiles, with at least one joint that moves, and its keypoints' sites are in the skeleton."""
    for body in _bodies(record, plugins):
        if not isinstance(body, Body):
            raise PluginError(f"build returns {type(body).__name__}; return a mimic_core.Body")
        model = BodyModel.compile(body)
        if not model.joint_names:
            raise PluginError(f"body {body.name}: has no hinge or slide joint; nothing could move it")


def check_body_keypoints(record: BodySpec, plugins: Plugins | None = None) -> None:
    """Every variant has the two keypoints, at different places, that a registration needs at least."""
    import mujoco

    for body in _bodies(record, plugins):
        model = BodyModel.compile(body)
        data = mujoco.MjData(model.mj_model)
        mujoco.mj_kinematics(model.mj_model, data)
        if len(np.unique(data.site_xpos[model.keypoint_site_ids].round(9), axis=0)) < 2:
            raise PluginError(
                f"body {body.name}: has keypoints {', '.join(body.keypoints) or 'none'} at fewer than "
                "two places; name at least two sites as keypoints"
            )


def check_body_saves(record: BodySpec, plugins: Plugins | None = None) -> None:
    """A body comes back the same from a file, as every clip file and checkpoint needs it."""
    for body in _bodies(record, plugins):
        again = structure(json.loads(json.dumps(to_json(body))), Body, f"body {body.name}")
        if again != body:
            odd = [f.name for f in attrs.fields(Body) if getattr(again, f.name) != getattr(body, f.name)]
            raise PluginError(
                f"body {body.name}: {', '.join(odd)} change when it is saved and read; use plain "
                "numbers, text and tuples"
            )


def check_body_driven(record: BodySpec, plugins: Plugins) -> None:
    """At least one installed actuation can drive every variant."""
    for body in _bodies(record, plugins):
        refusals = []
        for spec in actuations(plugins):
            try:
                if BodyModel.compile(body, spec.build(spec.config(), body)).actuator_names:
                    break
            except ConfigError as e:
                refusals.append(f"{spec.name}: {e}")
        else:
            raise PluginError(
                f"body {body.name}: no installed actuation can drive it ({'; '.join(refusals)}); give it "
                "muscles or torque_limits"
            )


_OF_THE_MODEL = """<mujoco><actuator>
<position name="servo" joint="shoulder" kp="1e-3" timeconst="0.01" ctrlrange="-1 0.5"/>
<muscle name="puller" joint="elbow" lengthrange="-0.5 0.5" force="1e-3"/>
</actuator></mujoco>"""
"""For an actuation that takes a body's own actuators."""


def _driven_body(record: Any) -> Body:
    body = attrs.evolve(toy_body(), actuators=_OF_THE_MODEL)
    return body if record.own is not None and record.own(body) else toy_body()


def check_actuators(record: Any, plugins: Plugins) -> None:
    """The compiled toy body has the actuators that it names, at least one, in that order."""
    body = _driven_body(record)
    actuation = record.build(record.config(), body)
    model = BodyModel.compile(body, actuation)
    if tuple(actuation.actuators) != model.actuator_names:
        said, has = (", ".join(names) or "none" for names in (actuation.actuators, model.actuator_names))
        raise PluginError(
            f"says its actuators are {said}, but the compiled body has {has}; "
            "name all that apply() adds, in the same order"
        )
    if not model.actuator_names:
        raise PluginError("adds no actuator to the toy body; let apply() add at least one")


def check_excitation(record: Any, plugins: Plugins) -> None:
    """Actions from -1 to 1 become excitations from `low` to `high`."""
    actuation = record.build(record.config(), _driven_body(record))
    if not np.all(np.less(actuation.low, actuation.high)):
        raise PluginError(f"bounds of excitation are {actuation.low} and {actuation.high}; low must be < high")
    for action, bound in ((-1.0, actuation.low), (1.0, actuation.high)):
        found = actuation.excitation(action)
        if np.abs(found - bound).max() > 1e-9:
            raise PluginError(
                f"action {action:g} becomes excitation {_plain(found)}, expected {_plain(bound)}; "
                "map actions from [-1, 1] to [low, high]"
            )


def _plain(v: Any) -> str:
    """A number as people write it; an array as it is."""
    return f"{float(v):g}" if np.ndim(v) == 0 else str(v)
