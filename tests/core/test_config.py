"""Settings: every error names the setting, says what is wrong with it, and what is accepted."""

from __future__ import annotations

import attrs
import pytest
import tomli_w
from attrs import validators as v
from hypothesis import given
from hypothesis import strategies as st

from mimic_core.cli import parse_assignments
from mimic_core.config import merge, read_toml, structure, unstructure
from mimic_core.errors import ConfigError


@attrs.frozen
class Inner:
    scale: float = attrs.field(default=1.0, validator=v.gt(0))
    form: str = attrs.field(default="round", validator=v.in_(("round", "square")))


def _even(instance, attribute, value):
    if value % 2:
        raise ValueError(f"must be even, got {value!r}")


@attrs.frozen
class Outer:
    steps: int = attrs.field(default=4, validator=[v.ge(0), v.le(10)])
    on: bool = False
    name: str = attrs.field(default="aa", validator=v.matches_re("a+"))
    widths: tuple[int, ...] = attrs.field(default=(1,), validator=[v.min_len(1), v.deep_iterable(v.ge(1))])
    joints: tuple[str, ...] = ()
    span: tuple[float, float] = (0.0, 1.0)
    pairs: int = attrs.field(default=2, validator=_even)
    limit: float | None = attrs.field(default=None, validator=v.optional(v.lt(0)))
    inner: Inner = attrs.field(factory=Inner)
    by_name: dict[str, Inner] = attrs.field(factory=dict)


@attrs.frozen
class Required:
    steps: int


WRONG = {
    "validator": ({"inner": {"scale": -1}}, "s.inner.scale: must be > 0, got -1"),
    "validator, fraction": ({"inner": {"scale": -0.1}}, "s.inner.scale: must be > 0, got -0.1"),
    "not a number": ({"inner": {"scale": float("nan")}}, "s.inner.scale: must be > 0, got nan"),
    "second validator": ({"steps": 11}, "s.steps: must be <= 10, got 11"),
    "choice": ({"inner": {"form": "flat"}}, "s.inner.form: must be one of 'round', 'square', got 'flat'"),
    "pattern": ({"name": "b"}, "s.name: must match the pattern 'a+', got 'b'"),
    "length": ({"widths": []}, "s.widths: must have a length >= 1, got 0"),
    "entry's validator": ({"widths": [3, 0]}, "s.widths: must be >= 1, got 0"),
    "own validator": ({"pairs": 3}, "s.pairs: must be even, got 3"),
    "optional": ({"limit": 1}, "s.limit: must be < 0, got 1"),
    "in a named table": ({"by_name": {"b": {"scale": 0}}}, "s.by_name.b.scale: must be > 0, got 0"),
    "unknown": ({"stps": 1}, "s.stps: unknown setting; did you mean steps?"),
    "unknown, deeper": ({"by_name": {"b": {"scl": 1}}}, "s.by_name.b.scl: unknown setting; did you mean scale?"),
    "unknown, far off": ({"inner": {"zzz": 1}}, "s.inner.zzz: unknown setting; known: form, scale"),
    "text for a whole number": ({"steps": "4"}, "s.steps: must be a whole number, got '4'"),
    "fraction for a whole number": ({"steps": 4.5}, "s.steps: must be a whole number, got 4.5"),
    "truth for a whole number": ({"steps": True}, "s.steps: must be a whole number, got True"),
    "truth for a number": ({"inner": {"scale": True}}, "s.inner.scale: must be a number, got True"),
    "text for a number": ({"inner": {"scale": "1"}}, "s.inner.scale: must be a number, got '1'"),
    "number for truth": ({"on": 1}, "s.on: must be true or false, got 1"),
    "number for text": ({"name": 1}, "s.name: must be text, got 1"),
    "entry of the wrong kind": ({"widths": [1, "a"]}, "s.widths[1]: must be a whole number, got 'a'"),
    "text for a list": ({"joints": "elbow"}, "s.joints: must be a list, got 'elbow'"),
    "number for a list": ({"widths": 3}, "s.widths: must be a list, got 3"),
    "table for a list": ({"widths": {"a": 1}}, "s.widths: must be a list, got {'a': 1}"),
    "too short": ({"span": [1]}, "s.span: must be a list of 2, got [1]"),
    "too long": ({"span": [1, 2, 3]}, "s.span: must be a list of 2, got [1, 2, 3]"),
    "number for a table": ({"inner": 3}, "s.inner: must be a table, got 3"),
    "number for named tables": ({"by_name": 3}, "s.by_name: must be a table, got 3"),
    "several": ({"inner": {"scale": "x"}, "zzz": 1, "steps": 2.5}, "s.steps: must be a whole number, got 2.5"),
    "several unknown": ({"by": 1, "stps": 1}, "s.by: unknown setting"),
}


@pytest.mark.parametrize(("data", "message"), WRONG.values(), ids=WRONG)
def test_error_names_the_setting_and_what_is_accepted(data, message):
    with pytest.raises(ConfigError) as e:
        structure(data, Outer, "s")
    assert str(e.value).startswith(message), str(e.value)
    assert "\n" not in str(e.value)


def test_setting_without_default_must_be_given():
    with pytest.raises(ConfigError, match=r"^s\.steps: must be given$"):
        structure({}, Required, "s")


def test_a_lookup_that_fails_in_a_validator_is_not_a_missing_setting():
    @attrs.frozen
    class Looked:
        steps: int = attrs.field(validator=lambda instance, attribute, value: {1: "one"}[value])

    with pytest.raises(ConfigError, match=r"^s\.steps: 2$"):
        structure({"steps": 2}, Looked, "s")


def test_whole_section_of_the_wrong_kind():
    with pytest.raises(ConfigError, match=r"^s: must be a table, got 3$"):
        structure(3, Outer, "s")


@pytest.mark.parametrize(
    ("kind", "name", "data", "message"),
    [
        ("actuation", "hill", {"smoothing": -0.1}, "actuation.hill.smoothing: must be >= 0, got -0.1"),
        ("analysis", "simplex", {"tau": 1}, "analysis.simplex.tau: must be < 0, got 1"),
        ("analysis", "simplex", {"joints": "elbow"}, "analysis.simplex.joints: must be a list, got 'elbow'"),
        ("reward", "joint", {"scale": -1}, "reward.joint.scale: must be > 0, got -1"),
        (
            "policy",
            "bottleneck_apg",
            {"encoder_layers": [0]},
            "policy.bottleneck_apg.encoder_layers: must be >= 1, got 0",
        ),
    ],
)
def test_settings_of_built_in_components(plugins, kind, name, data, message):
    with pytest.raises(ConfigError) as e:
        structure(data, plugins.get(kind, name).config, f"{kind}.{name}")
    assert str(e.value) == message


def test_a_whole_number_is_a_number():
    found = structure({"scale": 2}, Inner, "s").scale
    assert found == 2.0 and isinstance(found, float)


names = st.text("abcxyz_", min_size=1, max_size=6)
positive = st.floats(1e-300, 1e300)
inners = st.builds(Inner, scale=positive, form=st.sampled_from(["round", "square"]))
outers = st.builds(
    Outer,
    steps=st.integers(0, 10),
    on=st.booleans(),
    name=st.text("a", min_size=1, max_size=9),
    widths=st.lists(st.integers(1, 2**40), min_size=1, max_size=5).map(tuple),
    joints=st.lists(st.text(max_size=8), max_size=3).map(tuple),
    span=st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)),
    pairs=st.integers(-(2**50), 2**50).map(lambda n: 2 * n),
    limit=st.none() | st.floats(max_value=-1e-300),
    inner=inners,
    by_name=st.dictionaries(names, inners, max_size=3),
)


@given(outers)
def test_settings_survive_being_written_and_read(settings):
    assert structure(unstructure(settings), Outer, "s") == settings


@given(outers)
def test_settings_survive_a_toml_file(settings):
    import tomllib

    plain = {k: x for k, x in unstructure(settings).items() if x is not None}
    assert structure(tomllib.loads(tomli_w.dumps(plain)), Outer, "s") == settings


# -- --set and run files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1", {"a": 1}),
        ("a.b.c=0.5", {"a": {"b": {"c": 0.5}}}),
        ("a=true", {"a": True}),
        ("a=1e-3", {"a": 1e-3}),
        ("a=[1, 2]", {"a": [1, 2]}),
        ('a=["x", "y"]', {"a": ["x", "y"]}),
        ("a={b = 1}", {"a": {"b": 1}}),
        ("a=elbow", {"a": "elbow"}),
        ('a="1"', {"a": "1"}),
        ("a= two words ", {"a": "two words"}),
        ("a=", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        (" a . b = 1", {"a": {"b": 1}}),
        ("a=-yxz", {"a": "-yxz"}),
    ],
)
def test_set_takes_toml_values_and_text(text, expected):
    assert parse_assignments([text]) == expected


def test_later_assignments_win_and_tables_grow():
    assert parse_assignments(["a.b=1", "a.c=2", "a.b=3"]) == {"a": {"b": 3, "c": 2}}


@pytest.mark.parametrize("text", ["a", "=1", "", "a..b=1", ".a=1", "a.=1"])
def test_set_without_key_or_value_is_explained(text):
    with pytest.raises(ConfigError, match="expected KEY=VALUE, e"):
        parse_assignments([text])


def test_merge_lays_tables_over_one_another_and_changes_neither():
    base, over = {"a": {"x": 1, "y": 2}, "b": [1, 2]}, {"a": {"y": 3}, "b": [4], "c": 5}
    assert merge(base, over) == {"a": {"x": 1, "y": 3}, "b": [4], "c": 5}
    assert (base, over) == ({"a": {"x": 1, "y": 2}, "b": [1, 2]}, {"a": {"y": 3}, "b": [4], "c": 5})
    assert merge({"a": {"x": 1}}, {"a": False}) == {"a": False}


tables = st.dictionaries(names, st.dictionaries(names, st.integers(), max_size=3), max_size=3)


@given(tables, tables, tables)
def test_merging_is_associative_and_the_empty_table_changes_nothing(a, b, c):
    assert merge(a, {}) == a == merge({}, a) == merge(a, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


def test_broken_toml_names_file_and_line(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('title = "x"\nseed = = 3\n')
    with pytest.raises(ConfigError, match=r"run\.toml: not valid TOML: .*line 2"):
        read_toml(file)
    file.write_bytes(b"title = '\xff'")
    with pytest.raises(ConfigError, match=r"run\.toml: not valid TOML"):
        read_toml(file)
    with pytest.raises(ConfigError, match=r"absent\.toml: no such run file"):
        read_toml(tmp_path / "absent.toml")
