"""The latent analysis on layers whose dimensions and similarities are known."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse, training_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from mimic_core import ConfigError, DataError
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_latent.components import components, layers_of, rows
from mimic_latent.settings import Settings
from mimic_latent.similarity import linear_cka, procrustes

LENGTHS = (60, 50, 60)


def thinking(layers, *, intention=None, clip_steps=LENGTHS, seed=None, **change):
    """Rollouts with layers (clip, step, unit); nothing is decided at a clip's first entry."""
    r = synthetic_rollouts(clip_steps)

    def masked(a):
        a = np.where(np.arange(a.shape[1])[:, None] < r.n_steps[:, None, None], a, np.nan)
        a[:, 0] = np.nan
        return a

    layers = {k: masked(v) for k, v in layers.items()}
    intention = None if intention is None else masked(intention)
    record = {f"layer/{name}": a for name, a in layers.items()} | (
        {} if intention is None else {"intention_mean": intention}
    )
    training = None if seed is None else training_of({"seed": seed})
    return attrs.evolve(r, record=record, training=training, **change)


def noise(units, seed=0, clip_steps=LENGTHS):
    return np.random.default_rng(seed).standard_normal((len(clip_steps), max(clip_steps), units))


# -- components -----------------------------------------------------------------------------------------------


def test_variances_of_an_orthogonal_design_by_hand():
    """Columns ±2, ±1, ±1 in all eight combinations: variances 4, 1, 1 of 6, participation ratio 36/18 = 2."""
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    of = components([signs * [2.0, 1.0, 1.0] + 5.0])
    np.testing.assert_allclose(of.share, [4 / 6, 1 / 6, 1 / 6])
    assert of.participation_ratio == pytest.approx(2.0)
    assert (of.needed(0.6), of.needed(0.7), of.needed(5 / 6), of.needed(0.9)) == (1, 2, 2, 3)


def test_a_plane_in_many_units_has_two_components():
    flat = noise(2) @ np.random.default_rng(1).standard_normal((2, 40)) + 3.0
    metrics = analyse("latent", rollouts=thinking({"decoder/layer_1": flat})).metrics
    of = metrics["layers"]["decoder/layer_1"]
    assert sum(of["explained"][:2]) == pytest.approx(1.0)
    assert of["first_three"]["mean"] == pytest.approx(1.0)
    assert of["components_95"]["mean"] <= 2 and 1 <= of["participation_ratio"]["mean"] <= 2
    assert len(of["explained"]) == 10


@settings(max_examples=25, deadline=None)
@given(units=st.integers(2, 8), seed=st.integers(0, 1000), scale=st.floats(0.1, 10))
def test_shares_do_not_depend_on_axes_and_scale(units, seed, scale):
    x = np.random.default_rng(seed).standard_normal((40, units)) * np.arange(1, units + 1)
    turn = ortho_group.rvs(units, random_state=seed)
    a, b = components([x]), components([scale * x @ turn + 1.0])
    np.testing.assert_allclose(a.share, b.share, atol=1e-9)
    assert 1 <= a.participation_ratio <= units + 1e-9


def test_start_and_padding_are_left_out():
    r = thinking({"decoder/layer_1": noise(4)})
    found = rows(r.layers["decoder/layer_1"], r.n_steps)
    assert [len(x) for x in found] == [59, 49, 59]
    assert np.isfinite(np.concatenate(found)).all()


def test_a_layer_that_never_changes_has_no_shares():
    still = np.ones((3, 60, 5))
    result = analyse("latent", rollouts=thinking({"decoder/layer_1": still, "decoder/layer_2": noise(5)}))
    of = result.metrics["layers"]["decoder/layer_1"]
    assert np.isnan(of["explained"]).any() and np.isnan(of["participation_ratio"]["mean"])


def test_intention_lies_between_encoder_and_decoder():
    r = thinking({"decoder/layer_1": noise(5), "encoder/layer_1": noise(6)}, intention=noise(4))
    assert list(layers_of(r)) == ["encoder/layer_1", "intention", "decoder/layer_1"]
    result = analyse("latent", rollouts=r)
    metrics = result.metrics
    assert result.headlines[0].value == pytest.approx(100 * sum(metrics["intention"]["explained"][:3]))
    assert set(metrics["layers"]) == {"encoder/layer_1", "decoder/layer_1"}
    assert metrics["intention"]["units"] == 4
    assert sum(metrics["intention"]["explained"]) == pytest.approx(1.0)


# -- similarity -----------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(units=st.integers(2, 8), seed=st.integers(0, 1000), scale=st.floats(0.01, 100))
def test_similarities_are_blind_to_rotation_scale_and_shift(units, seed, scale):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((50, units)), rng.standard_normal((50, 3))
    turned = scale * x @ ortho_group.rvs(units, random_state=seed) + 2.0
    for alike in (linear_cka, procrustes):
        assert alike(x, turned) == pytest.approx(1.0, abs=1e-9)
        assert alike(turned, y) == pytest.approx(alike(x, y), abs=1e-9)
        assert alike(x, y) == pytest.approx(alike(y, x), abs=1e-9)
        assert -1e-12 <= alike(x, y) <= 1 + 1e-9


def test_similarities_by_hand():
    """X = (a, b) with a ⟂ b of equal size, Y = a: CKA 1/√2 = 0.707, and the best rotation correlates 1/√2."""
    a, b = np.array([1.0, -1.0, 1.0, -1.0]), np.array([1.0, 1.0, -1.0, -1.0])
    x, y = np.stack([a, b], axis=1), a[:, None]
    assert linear_cka(x, y) == pytest.approx(2**-0.5)
    assert procrustes(x, y) == pytest.approx(2**-0.5)
    assert linear_cka(a[:, None], b[:, None]) == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(linear_cka(x, np.ones((4, 2)))) and np.isnan(procrustes(x, np.ones((4, 2))))


def test_independent_representations_are_little_alike():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 5000, 10))
    assert linear_cka(x, y) < 0.01 and procrustes(x, y) < 0.1


def test_seeds_with_the_same_geometry():
    """A rotated copy is alike in every layer; with other clips beside it, it is not."""
    x = noise(6)
    turned = 3 * x @ ortho_group.rvs(6, random_state=1)
    result = analyse(
        "latent",
        rollouts=tuple(
            thinking({"decoder/layer_1": v}, seed=s) for s, v in ((4, x), (7, turned), (9, noise(6, seed=5)))
        ),
    )
    cka = result.metrics["similarity"]["cka"]["decoder/layer_1"]
    assert cka["chance"] < 0.15
    assert cka["mean"] == pytest.approx((1 + 2 * cka["lowest"]) / 3, abs=0.05)
    table = result.tables["similarity"]
    assert dict(zip(table.columns, table.rows[0], strict=True))["CKA"] == pytest.approx(cka["mean"])
    assert [row[1] for row in result.tables["variance"].rows] == ["seed 4", "seed 7", "seed 9"]
    assert set(result.figures) == set(result.captions) == {"variance", "nulls", "trajectories", "similarity"}


def test_clips_are_matched_by_name():
    """The second has the clips in another order, and one fewer: still the same representation."""
    x = noise(6)
    a = thinking({"decoder/layer_1": x}, clip_names=("p", "q", "r"))
    b = thinking({"decoder/layer_1": x[[2, 1]]}, clip_steps=(60, 50), clip_names=("r", "q"))
    result = analyse("latent", rollouts=(a, b))
    assert result.metrics["similarity"]["cka"]["decoder/layer_1"]["mean"] == pytest.approx(1.0)
    assert "2 clips that all have" in result.methods


def test_one_common_clip_has_no_chance_level():
    """There is no other clip to put beside it; the similarity itself stays."""
    x = noise(6)
    a = thinking({"decoder/layer_1": x}, clip_names=("p", "q", "r"))
    b = thinking({"decoder/layer_1": x[[2]]}, clip_steps=(60,), clip_names=("r",))
    result = analyse("latent", rollouts=(a, b))
    assert "one clip alone has none" in result.methods
    for of in result.metrics["similarity"].values():
        assert of["decoder/layer_1"]["mean"] == pytest.approx(1.0)
        assert np.isnan(of["decoder/layer_1"]["chance"])


def test_what_cannot_be_compared_is_refused():
    a = thinking({"decoder/layer_1": noise(6)})
    for b, message in (
        (thinking({"decoder/layer_2": noise(6)}), r"rollouts 2: its layers are decoder/layer_2, those of the first"),
        (thinking({"decoder/layer_1": noise(6)}, clip_names=("x", "y", "z")), "no clip is in all of them"),
        (
            thinking({"decoder/layer_1": noise(6, clip_steps=(60, 60, 60))}, clip_steps=(60, 60, 60)),
            "clip synthetic_01 has 50 and 60 steps",
        ),
    ):
        with pytest.raises(DataError, match=message):
            analyse("latent", rollouts=(a, b))


def test_without_layers_there_is_nothing_to_see():
    with pytest.raises(DataError, match="hold neither intention nor layers"):
        analyse("latent", rollouts=synthetic_rollouts(LENGTHS))


def test_joint_and_layers_to_draw_are_checked():
    r = thinking({"decoder/layer_1": noise(6), "encoder/layer_1": noise(6)})
    result = analyse("latent", Settings(joint="elbow", show=("encoder/layer_1",)), rollouts=r)
    axes = result.figures["trajectories"].axes
    assert axes[0].get_title() == "encoder/layer_1" and axes[-1].get_ylabel() == "elbow (deg)"
    with pytest.raises(ConfigError, match=r"analyze\.latent\.joint: no joint 'elbo'; did you mean elbow"):
        analyse("latent", Settings(joint="elbo"), rollouts=r)
    with pytest.raises(ConfigError, match=r"analyze\.latent\.show: no layer 'decoder'"):
        analyse("latent", Settings(show=("decoder",)), rollouts=r)


def test_colour_is_the_joint_that_moves_most():
    r = thinking({"decoder/layer_1": noise(6)})
    moved = r.joint_pos.copy()
    moved[..., r.joint_names.index("elbow")] *= 10
    assert analyse("latent", rollouts=attrs.evolve(r, joint_pos=moved)).metrics["joint"] == "elbow"
