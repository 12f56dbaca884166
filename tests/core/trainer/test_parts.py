"""Parts of learners: phases, settings of the loop, values of settings, the curve, describing faults."""

from __future__ import annotations

import attrs
import jax.numpy as jnp
import numpy as np
import pytest
from toys import make_task

from mimic_bottleneck.phases import Phase, Phases
from mimic_core.trainer import LoopSettings, Member, Values
from mimic_core.trainer.curve import read_curve, write_curve
from mimic_core.trainer.faults import describe_fault


def test_phases_count_iterations_and_control_steps():
    phases = Phases([Phase(horizon=2, environments=6, iterations=10), Phase(6, 4, 5)])
    assert phases.iterations == 15
    assert [phases.at(i) for i in (0, 9, 10, 14, 20)] == [0, 0, 1, 1, 1]
    assert [phases.control_steps(i) for i in (0, 1, 10, 11, 15)] == [0, 12, 120, 144, 240]


@attrs.frozen(kw_only=True)
class Own(LoopSettings):
    learning_rate: float = 0.1
    name: str = "x"


def test_settings_of_the_loop_are_those_of_the_policy_where_it_has_some():
    own = Own(evaluations=3)
    assert LoopSettings.of(own).evaluations == 3
    assert LoopSettings.of(object()) == LoopSettings()
    with pytest.raises(ValueError, match="evaluations"):
        Own(evaluations=0)


class Learner:
    def __init__(self, config, task):
        self.config, self.task = config, task


def test_values_of_each_member_and_their_way_into_the_trainer(plugins, toy_clips, toy_model, tmp_path):
    task = make_task(plugins, toy_clips, toy_model)
    members = [
        Member(directory=tmp_path, seed=3, settings={"policy.learning_rate": 0.5}, train_clips=np.array([4])),
        Member(directory=tmp_path, seed=4),
    ]
    first, second = Values.of(members, Own(), task, ("learning_rate", "discount"))
    assert (first.seed, second.seed) == (3, 4)
    assert first.settings["policy.learning_rate"] == np.float32(0.5)
    assert second.settings["policy.learning_rate"] == np.float32(0.1)
    assert "policy.discount" not in first.settings
    assert first.starts.table.shape == second.starts.table.shape and first.starts.count < second.starts.count
    learner = Learner(Own(), task)
    changed = first.laid_over(learner)
    assert changed.config.learning_rate == np.float32(0.5) and learner.config.learning_rate == 0.1
    assert changed.task is not task and changed.config.name == "x"


def test_a_curve_is_read_as_far_as_training_had_come(tmp_path):
    rows = [
        {"control_steps": n, "seconds": 0.1, "reward": 1 / 3, "tracking_mm": 2.0, "train_mm": float("nan")}
        for n in (0, 10, 20)
    ]
    assert read_curve(tmp_path, 10) == []
    write_curve(tmp_path, rows)
    again = read_curve(tmp_path, 10)
    assert [r["control_steps"] for r in again] == [0, 10] and again[0]["reward"] == 1 / 3


class Traced:
    """A trainer whose next iteration would compute these numbers, (time, environment)."""

    def __init__(self, **trace):
        self.trace = {k.replace("_", " "): jnp.asarray(v, float) for k, v in trace.items()}

    def retrace(self, state, phase):
        return self.trace


NAN = np.nan


@pytest.mark.parametrize(
    ("trainer", "said"),
    [
        (
            Traced(action=[[1, 1], [1, NAN]], term=[[1, 1], [NAN, NAN]]),
            "action is not finite at control step 1 of environment 1",
        ),
        (
            Traced(action=[[1, 1], [NAN, 1]], term=[[1, NAN], [1, 1]]),
            "term is not finite at control step 0 of environment 1",
        ),
        (
            Traced(action=[[1.0], [1.0], [1.0]], gradient_of_term=[[NAN], [NAN], [1.0]]),
            "gradient of term is not finite at control step 1 of environment 0",
        ),
        (Traced(action=[[1.0]]), "reward is not finite"),
        (object(), "reward is not finite"),
    ],
)
def test_the_first_number_that_is_not_finite(trainer, said):
    assert describe_fault(trainer, 0, 0, "reward") == said
