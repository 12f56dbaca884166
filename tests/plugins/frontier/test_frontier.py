"""The frontier of a sweep: points, Pareto front and knee, on folders as `mimic sweep` writes them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from analysis_cases import analyse
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic_core import ConfigError, DataError
from mimic_core.chain import do
from mimic_frontier.knee import find_knee
from mimic_frontier.nulls import bend_by_chance, null_columns
from mimic_frontier.points import Point, front
from mimic_frontier.settings import Settings
from mimic_sweep.results import Row, SweepResults
from mimic_sweep.tables import tabulate

REWARD, HIGH = "rollout.terms.joint", "spectral.share.mean"
TRICEPS, BICEPS = "emg.triceps.activation.mae", "emg.biceps.activation.mae"
COSTS = (0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)


def sweep(folder, metrics, *, costs=COSTS, energies=(0, 0.01), seeds=5, names=("control.weight", "energy.weight")):
    """A finished sweep whose run has ``metrics(cost, energy, seed)``."""
    rows = []
    for cost in costs:
        for energy in energies:
            for seed in range(seeds):
                values = dict(zip((f"rewards.{n}" for n in names), (cost, energy), strict=True))
                point = ",".join(f"{n}={v}" for n, v in zip(names, (cost, energy), strict=True))
                made = metrics(cost, energy, seed)
                rows.append(Row(run=f"{point}/seed-{seed}", point=point, seed=seed, values=values, metrics=made))
    tabulate(rows, []).save(folder)
    grid = {f"rewards.{names[0]}": list(costs), f"rewards.{names[1]}": list(energies)}
    (folder / "sweep.json").write_text(json.dumps({"config": {"sweep": {"grid": grid}}}))
    return folder


def bent(cost, energy, seed, spread=0.002):
    """High frequencies are gone at a cost of 0.2, reward falls only from there on."""
    wobble = spread * (seed - 2)
    return {
        REWARD: 0.9 - max(0.0, cost - 0.2) - energy + wobble,
        HIGH: 0.4 - min(cost, 0.2) * 1.9 - 0.01 * cost - wobble,
        TRICEPS: 0.3 - 0.1 * cost,
        BICEPS: 0.4 - 0.2 * cost,
    }


def straight(cost, energy, seed):
    wobble = 0.01 * (seed - 2)
    return {REWARD: 0.9 - cost + wobble, HIGH: 0.5 - cost - wobble}


def line(rewards, highs):
    """Points of a line from (seed → number) lists, cost 0, 1, 2, …"""
    return [
        Point("", float(i), {REWARD: dict(enumerate(r)), HIGH: dict(enumerate(h))})
        for i, (r, h) in enumerate(zip(rewards, highs, strict=True))
    ]


def knee_of(points, least=0.1):
    return find_knee(points, REWARD, HIGH, least)


def test_the_bend_is_the_height_over_the_chord_of_both_metrics_on_0_to_1():
    """Worked by hand: ends (1, 1) and (0, 0); the middle keeps 0.9 of the reward with 0.25 of the high frequencies."""
    points = line([[2.0, 2.0], [1.9, 1.9], [1.0, 1.0]], [[0.8, 0.8], [0.2, 0.2], [0.0, 0.0]])
    knee = knee_of(points)
    assert knee.point is points[1]
    assert knee.bend.mean == pytest.approx(0.9 - 0.25)
    assert knee.clear
    assert knee.alike == (1.0,)
    assert "75 %" in knee.reason
    assert "10 %" in knee.reason


def test_a_bend_that_the_seeds_do_not_agree_on_is_no_clear_knee():
    """Bends 0.65 and −0.25: mean 0.2, interval ± 12.7·0.636/√2 = 5.7."""
    points = line([[2.0, 2.0], [1.9, 1.0], [1.0, 1.0]], [[0.8, 0.8], [0.2, 0.2], [0.0, 0.0]])
    knee = knee_of(points)
    assert knee.bend.mean == pytest.approx(0.2)
    assert not knee.clear
    assert knee.reason.startswith("No clear knee: between seeds")


@pytest.mark.parametrize(
    ("rewards", "highs", "why"),
    [
        ([[2.0], [1.0]], [[1.0], [0.5]], "3 values"),
        ([[2.0], [1.9], [2.1]], [[1.0], [0.5], [0.2]], "reward do not fall"),
        ([[2.0], [1.9], [1.0]], [[1.0], [0.5], [1.0]], "high frequencies do not fall"),
    ],
)
def test_where_nothing_is_traded_no_knee_is_named(rewards, highs, why):
    knee = knee_of(line(rewards, highs))
    assert knee.point is None
    assert not knee.clear
    assert why in knee.reason


@settings(max_examples=50, deadline=None)
@given(
    inner=st.lists(st.tuples(st.floats(0.05, 0.95), st.floats(0.05, 0.95)), min_size=1, max_size=6),
    scale=st.floats(0.1, 100),
    shift=st.floats(-10, 10),
)
def test_the_knee_does_not_depend_on_units(inner, scale, shift):
    r = [1.0, *(a for a, _ in inner), 0.0]
    h = [1.0, *(b for _, b in inner), 0.0]
    plain = knee_of(line([[x] for x in r], [[x] for x in h]))
    scaled = knee_of(line([[scale * x + shift] for x in r], [[3 * x] for x in h]))
    assert scaled.bend.mean == pytest.approx(plain.bend.mean, abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_every_point_off_the_front_is_beaten_by_one_on_it(values):
    points = [Point("", float(i), {REWARD: {0: r}, HIGH: {0: h}}) for i, (r, h) in enumerate(values)]
    on = front(points, REWARD, [HIGH])
    best = [v for v, o in zip(values, on, strict=True) if o]
    assert best
    for (r, h), o in zip(values, on, strict=True):
        beaten = any(a >= r and b <= h and (a, b) != (r, h) for a, b in best)
        assert o is not beaten


def test_a_bent_frontier_has_its_knee_where_it_bends_on_every_line(plugins, tmp_path):
    out = do(plugins, "analyze", analysis="frontier", records=[sweep(tmp_path / "s", bent)], out=tmp_path / "out")
    assert set(out["knee"]) == {"energy.weight 0", "energy.weight 0.01"}
    for knee in out["knee"].values():
        assert knee["cost"] == 0.2
        assert knee["clear"]
        assert "come down by 99 %" in knee["reason"]
        assert knee[TRICEPS] == pytest.approx(0.28)
    assert out["missing"] == []
    assert (tmp_path / "out" / "frontier.png").is_file()


def test_a_straight_frontier_has_no_clear_knee(tmp_path):
    result = analyse("frontier", sweep=SweepResults.load(sweep(tmp_path / "s", straight)))
    for knee in result.metrics["knee"].values():
        assert not knee["clear"]
        assert knee["reason"].startswith("No clear knee")
    assert "emg.triceps.activation.mae" in result.captions["frontier"]


def test_means_and_intervals_are_those_of_the_sweep(tmp_path):
    folder = sweep(tmp_path / "s", bent)
    tables = analyse("frontier", sweep=SweepResults.load(folder)).tables
    first, half = tables["points"].rows[0], tables["points_ci95"].rows[0]
    place = tables["points"].columns.index("joint reward")
    # seeds differ by 0.002 a step: sd = 0.002·√2.5, t(0.975, 4) = 2.776
    assert first[place] == pytest.approx(0.9)
    assert half[place] == pytest.approx(2.776 * 0.002 * np.sqrt(2.5) / np.sqrt(5), rel=1e-3)


def test_the_pareto_front_leaves_out_what_costs_reward_for_nothing_and_what_has_more_noise_for_nothing(tmp_path):
    """Here a weight of energy only lowers the reward, and up to a cost of 0.2 the reward stays as it is."""
    result = analyse("frontier", sweep=SweepResults.load(sweep(tmp_path / "s", bent)))
    knees = [h.label for h in result.headlines]
    assert knees == [f"bend of the frontier at control.weight 0.2 (energy.weight {w})" for w in ("0", "0.01")]
    for headline in result.headlines:
        assert headline.unbeaten == () and headline.nulls["an even exchange"] == 0.0
    assert "come down by 99 %" in result.sentence
    assert result.metrics["pareto"] == [f"rewards.control.weight {c:g}, energy.weight 0" for c in COSTS if c >= 0.2]


def test_metrics_that_are_missing_are_left_out_and_named(tmp_path):
    folder = sweep(tmp_path / "s", lambda *a: {REWARD: bent(*a)[REWARD]})
    result = analyse("frontier", sweep=SweepResults.load(folder))
    assert result.metrics["missing"] == [HIGH, TRICEPS, BICEPS]
    assert result.metrics["knee"] == {} and not result.headlines and not result.sentence
    assert "No knee was looked for" in result.methods
    assert len(result.figures["frontier"].axes) == 1


def test_one_seed_gives_no_interval_and_says_so(tmp_path):
    result = analyse("frontier", sweep=SweepResults.load(sweep(tmp_path / "s", bent, seeds=1)))
    assert result.metrics["knee"]["energy.weight 0"]["bend_ci95"] is None
    assert "one seed alone" in result.metrics["knee"]["energy.weight 0"]["reason"]


def test_a_sweep_without_any_of_the_metrics_is_refused_with_the_mend(tmp_path):
    folder = sweep(tmp_path / "s", lambda *a: {"train.tracking_mm": 1.0})
    with pytest.raises(DataError, match=r"results.csv: has none of .* --set reward=COLUMN"):
        analyse("frontier", sweep=SweepResults.load(folder))


def test_a_cost_that_is_not_in_the_grid_is_refused_with_what_is(tmp_path):
    folder = sweep(tmp_path / "s", bent, names=("effort.weight", "energy.weight"))
    with pytest.raises(ConfigError, match=r"'rewards.control.weight' is no setting.*rewards.effort.weight"):
        analyse("frontier", sweep=SweepResults.load(folder))


def test_another_setting_and_other_metrics_can_be_the_axes(tmp_path):
    folder = sweep(tmp_path / "s", lambda c, e, s: {"gain": 1 - c * c, "noise": 1 - c}, names=("a.weight", "b.weight"))
    chosen = Settings(cost="rewards.a.weight", reward="gain", high_frequency="noise", emg=())
    knee = analyse("frontier", chosen, sweep=SweepResults.load(folder)).metrics["knee"]["b.weight 0"]
    # 1 − c² over 1 − c on 0…0.4: the height over the chord is x − x² with x = c/0.4, greatest at 0.2
    assert knee["cost"] == 0.2
    assert knee["bend"] == pytest.approx(0.25)


# -- null models --------------------------------------------------------------------------------------------------


def with_nulls(cost, energy, seed):
    """EMG errors beside a constant and a limp body, tracking beside a limp body, as the analyses tell them."""
    return bent(cost, energy, seed) | {
        "emg.triceps.activation.nulls.best_constant.mae": 0.1,
        "emg.triceps.activation.nulls.limp.mae": 0.32 + 0.01 * seed,
        "spectral.nulls.samples_shuffled.share.mean": 0.95,
        "train.tracking_mm": 1.0,
        "train.passive_mm": 4.0,
    }


def test_columns_of_null_models_are_found_by_their_names():
    known = list(with_nulls(0, 0, 0))
    assert null_columns(known, TRICEPS) == {
        "best constant": "emg.triceps.activation.nulls.best_constant.mae",
        "limp": "emg.triceps.activation.nulls.limp.mae",
    }
    assert null_columns(known, HIGH) == {"samples shuffled": "spectral.nulls.samples_shuffled.share.mean"}
    assert null_columns(known, "train.tracking_mm") == {"limp": "train.passive_mm"}
    assert null_columns(known, BICEPS) == {}


def test_points_stand_beside_null_models(tmp_path):
    """The error falls from 0.3 to 0.26: never below the constant, always below the limp body (0.34 on average)."""
    result = analyse("frontier", sweep=SweepResults.load(sweep(tmp_path / "s", with_nulls)))
    assert result.metrics["nulls"][TRICEPS] == pytest.approx({"best constant": 0.1, "limp": 0.34})
    rows = {(row[0], row[1]): row for row in result.tables["nulls"].rows}
    assert rows[TRICEPS, "best constant"][-1] == "0 of 14" and rows[TRICEPS, "limp"][-1] == "14 of 14"
    assert rows[HIGH, "samples shuffled"][-1] == "14 of 14"
    *_, headline = result.headlines
    assert (headline.label, headline.value) == ("least triceps MAE of 14 points", pytest.approx(0.26))
    assert headline.unbeaten == ("best constant",)
    texts = [t.get_text() for ax in result.figures["frontier"].axes for t in ax.texts]
    assert {"best constant", "limp", "samples shuffled"} <= set(texts)


@pytest.mark.slow
def test_the_bend_by_chance_is_what_seeds_scatter(tmp_path):
    """Lines without a bend, seeds of known scatter: in 95 of 100 the largest bend stays below the percentile."""
    rng, x = np.random.default_rng(0), np.linspace(1, 0, 6)
    below, seeds = 0, 8
    for _ in range(200):
        noise = 0.05 * rng.standard_normal((6, seeds))
        points = line((x[:, None] + noise).tolist(), np.tile(x[:, None], seeds).tolist())
        knee = knee_of(points)
        below += knee.bend.mean <= bend_by_chance(points, REWARD, HIGH)
    assert 0.75 < below / 200 < 0.99  # the ends scatter too, and the standard error is itself an estimate
    single = line([[1.0], [0.5], [0.0]], [[1.0], [0.5], [0.0]])
    assert np.isnan(bend_by_chance(single, REWARD, HIGH))
