"""Small models of OpenSim, synthetic: made by its own API for tests, of no animal and no person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import opensim as osim


def _vec(*x: float) -> osim.Vec3:
    return osim.Vec3(*map(float, x))


def _body(model: osim.Model, name: str, mass: float = 1.0) -> osim.Body:
    body = osim.Body(name, mass, _vec(0.01, -0.1, 0.02), osim.Inertia(0.02, 0.015, 0.018, 0.001, -0.002, 0.0005))
    model.addBody(body)
    return body


def _ends(parent: osim.PhysicalFrame, child: osim.Body) -> tuple:
    """Frames of a joint that are neither at the bodies' origins nor along their axes."""
    return parent, _vec(0.02, -0.2, 0.01), _vec(0.1, 0.2, -0.3), child, _vec(0.01, 0.05, -0.02), _vec(-0.2, 0.1, 0.05)


def _named(joint: osim.Joint, ranges: list[tuple[float, float]]) -> osim.Joint:
    for i, (low, high) in enumerate(ranges):
        c = joint.upd_coordinates(i)
        c.setName(f"{joint.getName()}_q{i}")
        c.setRangeMin(low)
        c.setRangeMax(high)
        c.setDefaultValue(low + 0.6 * (high - low))
    return joint


def joint_of_kind(kind: str) -> osim.Model:
    """Two bodies, the second of them on a joint of one kind."""
    model = osim.Model()
    model.setName(f"synthetic_{kind}")
    first, second = _body(model, "first"), _body(model, "second", 0.5)
    model.addJoint(_named(osim.PinJoint("base", *_ends(model.getGround(), first)), [(-1.0, 1.2)]))
    n = {"PinJoint": 1, "SliderJoint": 1, "UniversalJoint": 2, "WeldJoint": 0, "FreeJoint": 6}.get(kind, 3)
    lengths = {"SliderJoint": (0,), "PlanarJoint": (1, 2), "FreeJoint": (3, 4, 5)}.get(kind, ())
    ranges = [(-0.2, 0.3) if i in lengths else (-0.9, 1.1) for i in range(n)]
    model.addJoint(_named(getattr(osim, kind)("joint", *_ends(first, second)), ranges))
    model.finalizeConnections()
    return model


def free_body() -> osim.Model:
    """A body with a free joint on the ground."""
    model = osim.Model()
    model.setName("synthetic_free")
    body = _body(model, "trunk")
    ranges = [(-0.9, 1.1)] * 3 + [(-0.2, 0.3)] * 3
    model.addJoint(_named(osim.FreeJoint("root", *_ends(model.getGround(), body)), ranges))
    _markers(model, body)
    model.finalizeConnections()
    return model


def _markers(model: osim.Model, body: osim.Body) -> None:
    for name, place in (("top", (0.0, 0.1, 0.0)), ("tip", (0.02, -0.3, 0.01))):
        model.addMarker(osim.Marker(f"{body.getName()}_{name}", body, _vec(*place)))


_AXES = ("rotation1", "rotation2", "rotation3", "translation1", "translation2", "translation3")


def _spline(x: np.ndarray, y: np.ndarray) -> osim.SimmSpline:
    out = osim.SimmSpline()
    for a, b in zip(x, y, strict=True):
        out.addPoint(float(a), float(b))
    return out


def knee(muscle: str = "Millard2012EquilibriumMuscle", twist: float = 0.15) -> osim.Model:
    """A thigh and a shank on a hinge with a spline translation, a coupled patella, a locked ankle, and four muscles:
    one over a cylinder, one over an ellipsoid, one with a conditional point, one with a moving point.

    ``twist`` (rad) is a constant rotation before the hinge's. OpenSim's positions heed it; its velocities do not follow
    them then, and so its inverse dynamics is not the slope of its own potential energy.
    """
    model = osim.Model()
    model.setName("synthetic_knee")
    thigh, shank, patella, foot = (
        _body(model, n, m) for n, m in (("thigh", 8), ("shank", 3.5), ("patella", 0.1), ("foot", 1))
    )
    model.addJoint(_named(osim.PinJoint("hip", *_ends(model.getGround(), thigh)), [(-0.5, 1.5)]))
    transform = osim.SpatialTransform()
    x = np.linspace(-2.0, 0.2, 7)
    for i in range(6):
        axis = getattr(transform, f"upd_{_AXES[i]}")()
        names = osim.ArrayStr()
        if i in (2, 3, 4):
            names.append("knee_angle")
        axis.setCoordinateNames(names)
        axis.setAxis(_vec(*np.eye(3)[i % 3]))
        law = {
            2: osim.LinearFunction(-1.0, 0.1),
            3: _spline(x, 0.004 * x**2 + 0.002 * np.sin(2 * x)),
            4: _spline(x, -0.003 * x),
        }
        axis.set_function(law.get(i, osim.Constant(0.02 if i == 5 else twist if i == 0 else 0.0)))
    joint = osim.CustomJoint(
        "knee", thigh, _vec(0, -0.4, 0), _vec(0, 0, 0), shank, _vec(0, 0, 0), _vec(0, 0, 0), transform
    )
    model.addJoint(joint)
    model.finalizeFromProperties()
    c = model.getJointSet().get("knee").upd_coordinates(0)
    c.setRangeMin(-2.0)
    c.setRangeMax(0.2)
    c.setDefaultValue(-0.4)
    model.addJoint(
        osim.PinJoint(
            "patella_joint", thigh, _vec(0.04, -0.4, 0), _vec(0, 0, 0), patella, _vec(0, 0.03, 0), _vec(0, 0, 0)
        )
    )
    model.getJointSet().get("patella_joint").upd_coordinates(0).setName("patella_angle")
    ankle = osim.PinJoint("ankle", *_ends(shank, foot))
    ankle.upd_coordinates(0).setName("ankle_angle")
    ankle.upd_coordinates(0).setDefaultValue(0.2)
    ankle.upd_coordinates(0).setDefaultLocked(True)
    model.addJoint(ankle)
    coupler = osim.CoordinateCouplerConstraint()
    coupler.setName("patella_follows")
    drivers = osim.ArrayStr()
    drivers.append("knee_angle")
    coupler.setIndependentCoordinateNames(drivers)
    coupler.setDependentCoordinateName("patella_angle")
    coupler.setFunction(_spline(x, 0.6 * x + 0.05 * np.sin(x)))
    model.addConstraint(coupler)
    _markers(model, thigh)
    _markers(model, shank)
    _add_muscles(model, muscle, thigh, shank, x)
    model.finalizeConnections()
    return model


def _add_muscles(model: osim.Model, kind: str, thigh: osim.Body, shank: osim.Body, x: np.ndarray) -> None:
    cylinder = osim.WrapCylinder()
    cylinder.setName("condyle")
    cylinder.set_radius(0.025)
    cylinder.set_length(0.1)
    cylinder.set_quadrant("+x")
    cylinder.set_translation(_vec(0, -0.39, 0))
    thigh.addWrapObject(cylinder)
    ellipsoid = osim.WrapEllipsoid()
    ellipsoid.setName("bulge")
    ellipsoid.set_dimensions(_vec(0.02, 0.025, 0.06))
    ellipsoid.set_quadrant("-x")
    ellipsoid.set_translation(_vec(-0.005, -0.385, 0))
    thigh.addWrapObject(ellipsoid)
    for name, wrap, side in (
        ("front", cylinder, 0.04),
        ("back", ellipsoid, -0.035),
        ("bent", None, -0.03),
        ("moving", None, 0.04),
    ):
        muscle = (
            getattr(osim, kind)(name, 900.0, 0.1, 0.25, 0.2) if kind != "DeGrooteFregly2016Muscle" else _groote(name)
        )
        muscle.addNewPathPoint(f"{name}-P1", thigh, _vec(side, -0.1, 0.01))
        if name == "bent":
            point = osim.ConditionalPathPoint()
            point.setName("bent-P2")
            point.setParentFrame(thigh)
            point.setLocation(_vec(-0.035, -0.38, 0.01))
            point.setRangeMin(-0.8)
            point.setRangeMax(0.3)
            point.setCoordinate(model.getJointSet().get("knee").get_coordinates(0))
            muscle.getGeometryPath().getPathPointSet().adoptAndAppend(point)
            point.thisown = False
        if name == "moving":
            point = osim.MovingPathPoint()
            point.setName("moving-P2")
            point.setParentFrame(shank)
            c = model.getJointSet().get("knee").get_coordinates(0)
            point.set_x_location(_spline(x, 0.05 + 0.01 * x))
            point.set_y_location(_spline(x, 0.02 - 0.004 * x**2))
            point.set_z_location(osim.Constant(0.0))
            for letter in "xyz":
                getattr(point, f"connectSocket_{letter}_coordinate")(c)
            muscle.getGeometryPath().getPathPointSet().adoptAndAppend(point)
            point.thisown = False
        muscle.addNewPathPoint(f"{name}-P9", shank, _vec(side, -0.08, 0.0))
        if wrap is not None:
            muscle.getGeometryPath().addPathWrap(wrap)
        model.addForce(muscle)


def _groote(name: str) -> osim.DeGrooteFregly2016Muscle:
    muscle = osim.DeGrooteFregly2016Muscle()
    muscle.setName(name)
    muscle.set_max_isometric_force(900.0)
    muscle.set_optimal_fiber_length(0.1)
    muscle.set_tendon_slack_length(0.25)
    muscle.set_pennation_angle_at_optimal(0.2)
    return muscle


def save(model: osim.Model, path: Path) -> Path:
    """Write a model to a file."""
    model.initSystem()
    model.printToXML(str(path))
    return path
