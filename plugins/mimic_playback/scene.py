"""One instant of a rollout: body, reference, muscles and keypoints, for MuJoCo's scenes and for outlines."""

from __future__ import annotations

import mujoco
import numpy as np

from mimic_core import BodyModel
from mimic_drawing import SHOWN_GROUPS, activation_map, add_sticks, best_angles
from mimic_playback.camera import View, view_of
from mimic_playback.settings import Playback, angles_deg
from mimic_playback.shapes import HIDDEN_GROUP, placed, surfaces
from mimic_playback.source import Recording

GHOST = np.array([0.0, 0.62, 0.45, 0.38])  # Okabe & Ito's bluish green, told apart with any colour vision
BODY = np.array([0.9, 0.87, 0.78, 1.0])
KEYPOINT_COLOURS = {"body": np.array([0.34, 0.71, 0.91, 1.0]), "tracked": np.array([0.0, 0.0, 0.0, 1.0])}
BACKGROUND = (0.96, 0.96, 0.97)
MUSCLE_WIDTH = 0.006  # share of a picture's height
KEYPOINT_RADIUS = {"body": 0.011, "tracked": 0.007}  # the same; both are seen where they are in one place
BEHIND = 0.004  # shares of a picture's height that the reference is set back: surfaces in one place would flicker
GAP = 1.15  # between body and reference side by side, in widths of what is shown
_SAMPLES = 60  # instants that stand for a clip where the view is chosen


class Scene:
    """Everything that is seen of one clip, at one instant.

    Attributes:
        model: MuJoCo's model with the looks of a playback.
        body, ghost: the body as the controller moved it, and as the reference has it.
        muscles, actuators: (muscle,) tendons that show activation, and whose activation they show.
        surfaces: points on every geom, see `mimic_playback.shapes.surfaces`.
        scale: size of the animal over the size of the model.
        view: holds the whole clip.
        shift: (3,) m from the body's place to the reference's.
        clip, step: the instant that is shown.
    """

    def __init__(self, recording: Recording, settings: Playback) -> None:
        self.rollouts, self.clip, self.step = recording.rollouts, recording.clip, 0
        self.model = _drawable(recording.model)
        self.body, self.ghost = mujoco.MjData(self.model), mujoco.MjData(self.model)
        self.surfaces = surfaces(self.model)
        self.scale = recording.model.body.scale
        self.actuators = np.array([a for a in recording.model.muscle_ids if _is_tendon(self.model, a)], int)
        self.muscles = self.model.actuator_trnid[self.actuators, 0]
        self.view, self.shift = self._look(settings)
        self.model.tendon_width[:] = MUSCLE_WIDTH * self.view.height
        self.show(self.clip, 0)

    def _look(self, settings: Playback) -> tuple[View, np.ndarray]:
        """Choose the view of the clip, and where the reference goes."""
        r, n = self.rollouts, int(self.rollouts.n_steps[self.clip])
        seen, of_reference = [], []
        for step in np.unique(np.linspace(0, n - 1, _SAMPLES).astype(int)):
            self._pose(step)
            seen += [self._extent(self.body), r.site_pos[self.clip, step]]
            of_reference += [self._extent(self.ghost), r.ref_site_pos[self.clip, step]]
        seen, of_reference = np.concatenate(seen), np.concatenate(of_reference)
        if settings.camera == "auto":
            both = np.concatenate([r.site_pos[self.clip, :n], r.ref_site_pos[self.clip, :n]])
            angles = best_angles(both, seen)
        else:
            angles = angles_deg(settings.camera)
        aspect = settings.width / settings.height
        view = view_of(np.concatenate([seen, of_reference]), angles, aspect)
        if not settings.beside:
            return view, np.zeros(3)
        across = view.project(np.concatenate([seen, of_reference]))[:, 0]
        shift = GAP * np.ptp(across) * view.axes[0]
        return view_of(np.concatenate([seen, of_reference + shift]), angles, aspect), shift

    def _extent(self, data: mujoco.MjData) -> np.ndarray:
        """(point, 3) m around everything that is seen in one pose."""
        geoms = placed(data, self.surfaces).values()
        return np.concatenate([*geoms, *(self.path(data, t) for t in self.muscles), data.xpos[1:]])

    def show(self, clip: int, step: int) -> None:
        """Go to one control step of a clip."""
        self.clip, self.step = clip, step
        self._pose(step)
        self.model.tendon_rgba[self.muscles] = activation_colours(self.activation)

    def _pose(self, step: int) -> None:
        for data, qpos in ((self.body, self.rollouts.qpos), (self.ghost, self.rollouts.ref_qpos)):
            data.qpos[:] = qpos[self.clip, step]
            for part in (mujoco.mj_kinematics, mujoco.mj_comPos, mujoco.mj_tendon):
                part(self.model, data)

    @property
    def activation(self) -> np.ndarray:
        """(muscle,) activation of the muscles that are shown, in [0, 1]."""
        return self.rollouts.activation[self.clip, self.step, self.actuators]

    @property
    def time_ms(self) -> float:
        return 1e3 * self.step / self.rollouts.rate_hz

    def keypoints(self) -> dict[str, np.ndarray]:
        """``body`` and ``tracked``: (keypoint, 3) m in the picture; what was not tracked is left out."""
        tracked = self.rollouts.tracked_pos[self.clip, self.step] + self.shift
        return {
            "body": self.rollouts.site_pos[self.clip, self.step],
            "tracked": tracked[np.isfinite(tracked).all(1)],
        }

    def path(self, data: mujoco.MjData, tendon: int) -> np.ndarray:
        """(point, 3) m along a muscle, from one end to the other."""
        first, n = data.ten_wrapadr[tendon], data.ten_wrapnum[tendon]
        return data.wrap_xpos.reshape(-1, 3)[first : first + n]

    def reference_has(self, geom: int) -> bool:
        """Whether the reference has a geom of its own: what cannot move is there once, unless it is shown beside."""
        return bool(self.model.body_weldid[self.model.geom_bodyid[geom]]) or bool(self.shift.any())

    def add_to(self, scene: mujoco.MjvScene, *, flat: bool = False) -> None:
        """Add reference and keypoints to a scene of MuJoCo that shows the body.

        Args:
            flat: the scene is only seen in `view`; muscles are then laid over the bones, and keypoints over both.
        """
        first = scene.ngeom
        lift = self.view.depth * self.view.axes[2] if flat else np.zeros(3)
        for geom in scene.geoms[:first]:
            if geom.objtype == mujoco.mjtObj.mjOBJ_TENDON:
                geom.pos[:] += lift
        option, kinds = options(), mujoco.mjtCatBit
        option.flags[mujoco.mjtVisFlag.mjVIS_TENDON] = False
        parts = kinds.mjCAT_ALL if self.shift.any() else kinds.mjCAT_DYNAMIC
        mujoco.mjv_addGeoms(self.model, self.ghost, option, mujoco.MjvPerturb(), int(parts), scene)
        for geom in scene.geoms[first : scene.ngeom]:
            self._set_back(geom)
        for over, (kind, points) in enumerate(self.keypoints().items(), start=2):
            for point in points:
                radius = KEYPOINT_RADIUS[kind] * self.view.height
                _add_sphere(scene, point + over * lift, radius, KEYPOINT_COLOURS[kind])

    def _set_back(self, geom: mujoco.MjvGeom) -> None:
        """Give a geom of the reference its place and its colour."""
        geom.pos[:] += self.shift - BEHIND * self.view.height * self.view.axes[2]
        geom.rgba[:] = GHOST


def options() -> mujoco.MjvOption:
    """What MuJoCo draws: geoms and muscles, and no sites, since keypoints are drawn apart."""
    option = mujoco.MjvOption()
    option.sitegroup[:] = 0
    option.geomgroup[:] = [group in SHOWN_GROUPS for group in range(mujoco.mjNGROUP)]
    option.flags[mujoco.mjtVisFlag.mjVIS_SKIN] = False
    return option


def activation_colours(activation: np.ndarray) -> np.ndarray:
    """(…, 4) colours of activations in [0, 1]: dark blue over purple to orange, also in order without colour."""
    return activation_map()(np.clip(activation, 0.0, 1.0))


def _is_tendon(model: mujoco.MjModel, actuator: int) -> bool:
    return model.actuator_trntype[actuator] == mujoco.mjtTrn.mjTRN_TENDON


def _drawable(body: BodyModel) -> mujoco.MjModel:
    """Compile the body in one colour on a plain background, lit from the viewer."""
    spec = body.editable()
    if not surfaces(body.mj_model):
        add_sticks(spec, body.body)
    for texture in [t for t in spec.textures if t.type == mujoco.mjtTexture.mjTEXTURE_SKYBOX]:
        spec.delete(texture)
    spec.add_texture(
        name="playback",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
        rgb1=BACKGROUND,
        rgb2=BACKGROUND,
        width=8,
        height=8 * 6,
    )
    head = spec.visual.headlight
    head.ambient, head.diffuse, head.specular = [0.45] * 3, [0.5] * 3, [0.05] * 3
    model = spec.compile()
    model.light_active[:] = False
    ends = surfaces(model)
    for geom in range(model.ngeom):
        model.geom_matid[geom], model.geom_rgba[geom] = -1, BODY
        if geom not in ends:  # the ground would fill the picture
            model.geom_group[geom] = HIDDEN_GROUP
    return model


def _add_sphere(scene: mujoco.MjvScene, pos: np.ndarray, radius: float, rgba: np.ndarray) -> None:
    if scene.ngeom < scene.maxgeom:
        geom = scene.geoms[scene.ngeom]
        mujoco.mjv_initGeom(geom, mujoco.mjtGeom.mjGEOM_SPHERE, [radius] * 3, pos, np.eye(3).ravel(), rgba)
        scene.ngeom += 1
