"""What every reward term, observation and termination promises, as checks that raise `PluginError`.

Each check takes a `TermCase`; the message says what was found and how to mend it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import attrs
import jax
import jax.numpy as jnp
import numpy as np

from mimic_core.body.model import BodyModel
from mimic_core.errors import PluginError
from mimic_core.task.step import Kinematics, StepView, Term, as_term, fields_read
from mimic_core.testing.steps import random_step, step_at_rest, step_on_reference

TOLERANCE = 1e-5
"""Of a compiled or batched value against the plain one, relative to the value or to 1, whichever is greater."""

_SMOOTH = (
    "write it so that its slope exists there, e.g. jnp.sqrt(x**2 + 1e-12) instead of jnp.sqrt(x**2), "
    "jnp.linalg.norm(x) or x / jnp.abs(x)"
)


@attrs.define(slots=False)
class TermCase:
    """A term built on a body, and the steps it is tried on.

    Attributes:
        kind: ``reward``, ``observation`` or ``termination``.
        record: its specification.
        config: its settings.
        model: the body.
    """

    kind: str
    record: Any
    config: Any
    model: BodyModel

    @cached_property
    def built(self) -> Any:
        return self.record.build(self.config, self.model)

    @cached_property
    def term(self) -> Term:
        return as_term(self.built)

    @cached_property
    def steps(self) -> dict[str, StepView]:
        return {
            "at a random step": random_step(self.model, 1),
            "at rest": step_at_rest(self.model),
            "at perfect tracking": step_on_reference(self.model, 2),
        }

    def memories(self) -> Iterator[tuple[str, Any]]:
        """The memory that an episode begins with, and what it is after one step."""
        yield "", self.term.init()
        if isinstance(self.built, Term):
            yield " (second step)", self.term.step(self.term.init(), random_step(self.model, 3))[0]

    def cases(self) -> Iterator[tuple[str, Any, StepView]]:
        for then, memory in self.memories():
            for where, step in self.steps.items():
                yield where + then, memory, step

    def value(self, memory: Any, step: StepView) -> Any:
        return self.term.step(memory, step)[1]


def check_shape(case: TermCase) -> None:
    """Rewards and terminations give a scalar, observations a 1-D array of the same length always."""
    if case.kind != "reward" and isinstance(case.built, Term):
        raise PluginError("build returns a Term, but only reward terms have memory; return a function of the step")
    if not callable(case.built) and not isinstance(case.built, Term):
        raise PluginError(
            f"build returns {type(case.built).__name__}; return a function of the step"
            + (", or a mimic_core.Term" if case.kind == "reward" else "")
        )
    sizes = set()
    for where, memory, step in case.cases():
        found = jnp.asarray(case.value(memory, step))
        if case.kind == "observation":
            sizes.add(found.shape)
            if found.ndim != 1:
                raise PluginError(f"returns shape {found.shape} {where}; return a 1-D array, e.g. x.ravel()")
        elif found.shape:
            raise PluginError(f"returns shape {found.shape} {where}; return a scalar, e.g. x.mean()")
        if case.kind == "termination" and found.dtype != bool:
            raise PluginError(f"returns {found.dtype} {where}; return a truth value, e.g. error > limit")
        if case.kind != "termination" and not jnp.issubdtype(found.dtype, jnp.floating):
            raise PluginError(f"returns {found.dtype} {where}; return floating-point numbers")
    if len(sizes) > 1:
        raise PluginError(f"returns different shapes {sorted(sizes)}; return the same number of entries always")


def check_names(case: TermCase) -> None:
    """A term reads the step by its fields' names, and still works when the fields it does not read are absent."""
    step = case.steps["at a random step"]
    try:
        read = fields_read(case.term, step)
    except (TypeError, AttributeError) as e:
        raise PluginError(
            f"cannot be asked what it reads ({_line(e)}); read the step by name, e.g. step.joint_pos, "
            "and return a plain function: the core compiles it"
        ) from e
    memory = case.term.init()
    try:
        found = case.value(memory, _only(step, read))
    except (TypeError, AttributeError, ValueError) as e:
        raise PluginError(
            f"fails when the fields it does not read are None ({_line(e)}); read each field it needs by name every time"
        ) from e
    _same(
        found,
        case.value(memory, step),
        "gives another value when the fields it does not read are None",
        "read each field it needs by name every time",
    )


def _only(step: StepView, read: frozenset[str]) -> StepView:
    kept: dict[str, Any] = {}
    for name, v in step._asdict().items():
        if isinstance(v, Kinematics):
            kept[name] = Kinematics(**{k: x if f"{name}.{k}" in read else None for k, x in v._asdict().items()})
        else:
            kept[name] = v if name in read else None
    return StepView(**kept)


def check_memory(case: TermCase) -> None:
    """Memory keeps its structure, shapes and types from step to step, as a compiled loop needs it."""
    memory = jax.tree.map(jnp.asarray, case.term.init())
    after = jax.eval_shape(case.term.step, memory, case.steps["at a random step"])[0]
    before = jax.eval_shape(lambda m: m, memory)
    old, new = (str(jax.tree.structure(m)) for m in (before, after))
    if old != new:
        raise PluginError(
            f"memory changes its structure from {old} to {new} in a step; return memory of the same "
            "structure as init() gives"
        )
    for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(before), strict=True):
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            raise PluginError(
                f"memory changes from {b.dtype}{list(b.shape)} to {a.dtype}{list(a.shape)} in a step; "
                "let init() give the shapes and types that step returns"
            )


def check_jit(case: TermCase) -> None:
    """The compiled term gives what the plain one gives."""
    compiled = jax.jit(case.value)
    for where, memory, step in case.cases():
        try:
            found = compiled(memory, step)
        except (jax.errors.JAXTypeError, jax.errors.UnexpectedTracerError, TypeError) as e:
            raise PluginError(
                f"cannot be compiled by jax.jit ({_line(e)}); compute with jax.numpy, and branch with "
                "jnp.where instead of if"
            ) from e
        _same(
            found,
            case.value(memory, step),
            f"compiled by jax.jit it gives another value {where}",
            "let it depend on nothing but its settings, the model and the step",
        )


def check_vmap(case: TermCase) -> None:
    """A batch gives what a loop over its members gives."""
    steps = [random_step(case.model, key) for key in (11, 12, 13)]
    memory = case.term.init()
    batch = jax.tree.map(lambda *a: np.stack(a), *steps)
    found = jax.jit(jax.vmap(lambda s: case.value(memory, s)))(batch)
    one_by_one = np.stack([case.value(memory, s) for s in steps])
    _same(
        found,
        one_by_one,
        "over a batch (jax.vmap) it gives other values than one by one",
        "let it depend on nothing but its settings, the model and the step",
    )


def check_finite(case: TermCase) -> None:
    """Values are finite everywhere; so is the slope of rewards and observations with respect to everything read."""
    slopes_at = jax.jit(jax.jacrev(lambda s, m: jnp.asarray(case.value(m, s))))
    for where, memory, step in case.cases():
        found = np.asarray(case.value(memory, step))
        if not np.isfinite(found).all():
            raise PluginError(f"gives {found.tolist()} {where}; guard divisions, logarithms and roots")
        if case.kind == "termination":
            continue
        for path, slope in jax.tree_util.tree_leaves_with_path(slopes_at(step, memory)):
            if not np.isfinite(slope).all():
                name = jax.tree_util.keystr(path).lstrip(".")
                raise PluginError(f"its gradient with respect to {name} is not finite {where}; {_SMOOTH}")


CHECKS: dict[str, Callable[[TermCase], None]] = {
    "shape": check_shape,
    "jit": check_jit,
    "vmap": check_vmap,
    "memory": check_memory,
    "fields by name": check_names,
    "finite values and gradients": check_finite,
}


def _same(found: Any, expected: Any, what: str, mend: str) -> None:
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    if found.shape != expected.shape:
        raise PluginError(f"{what}: shape {found.shape} instead of {expected.shape}; {mend}")
    far = np.abs(found - expected) > TOLERANCE * np.maximum(1.0, np.abs(expected))
    if far.any():
        raise PluginError(f"{what}: {found[far].flat[0]:.7g} instead of {expected[far].flat[0]:.7g}; {mend}")


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"[:160]
