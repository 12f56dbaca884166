"""Plugins are found, kept apart when broken, and chosen between when two offer the same name."""

from __future__ import annotations

import json
import sys
import tomllib
from textwrap import dedent

import pytest
from fake_plugins import REWARD, make_distribution, mimic

from mimic_core.chain import HOOKS, discover
from mimic_core.chain.loading import LoadedPlugins
from mimic_core.config import structure
from mimic_core.errors import ConfigError, PluginError

GOOD = REWARD.format(name="mean_activation")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the import path, like site-packages; what is imported from it is forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def only_broken(plugins: LoadedPlugins):
    """The one broken plugin, while the built-in ones all work."""
    assert len(plugins.broken) == 1, [str(b) for b in plugins.broken]
    assert plugins.get("reward", "joint").name == "joint"
    broken = plugins.broken[0]
    assert broken.plugin not in plugins.names
    assert [p for p in plugins.provided() if p.plugin == broken.plugin] == []
    assert "\n" not in str(broken)
    return broken


def test_good_plugin_is_found_with_its_version(site):
    name = make_distribution(site, "fake-good", GOOD)
    plugins = discover()
    assert plugins.broken == []
    assert plugins.provider("reward", "mean_activation").plugin == name
    assert plugins.versions[name] == "1.2"
    assert [p.plugin for p in plugins.find("mean_activation")] == [name]
    assert plugins.find("reward.mean_activation") == plugins.find("mean_activation")


def test_broken_import(site):
    name = make_distribution(site, "fake-import", "import no_such_package_anywhere")
    broken = only_broken(discover())
    assert broken.plugin == name
    assert "cannot be imported" in broken.reason and "no_such_package_anywhere" in broken.reason
    assert broken.remedy == "repair or remove the package fake-import"


@pytest.mark.parametrize("statement", ["raise SystemExit(3)", "1 / 0", "def ("])
def test_whatever_an_import_raises_is_kept_apart(site, statement):
    make_distribution(site, "fake-raises", statement)
    assert "cannot be imported" in only_broken(discover()).reason


def test_misspelt_hook_is_named_with_the_right_one(site):
    make_distribution(site, "fake-misspelt", GOOD.replace("mimic_rewards", "mimic_reward"))
    assert only_broken(discover()).reason.startswith("unknown hook 'mimic_reward'; did you mean mimic_rewards")


def test_one_misspelt_hook_does_not_break_the_plugins_loaded_after_it(site):
    make_distribution(site, "a-misspelt", GOOD.replace("mimic_rewards", "mimic_reward"))
    name = make_distribution(site, "zz-good", GOOD)
    plugins = discover()
    only_broken(plugins)
    assert plugins.provider("reward", "mean_activation").plugin == name


def test_record_of_the_wrong_type(site):
    make_distribution(site, "fake-type", GOOD.replace("RewardSpec(", "dict("))
    assert "mimic_rewards yields dict, expected RewardSpec" in only_broken(discover()).reason


def test_record_of_another_kind(site):
    make_distribution(site, "fake-kind", GOOD.replace("RewardSpec", "TerminationSpec"))
    assert "mimic_rewards yields TerminationSpec, expected RewardSpec" in only_broken(discover()).reason


def test_record_that_refuses_itself(site):
    make_distribution(site, "fake-name", REWARD.format(name="Not A Name"))
    assert "'name' must match regex" in only_broken(discover()).reason


def test_generator_that_raises_midway_leaves_nothing_behind(site):
    make_distribution(site, "fake-midway", GOOD + "        raise RuntimeError('no licence')\n")
    plugins = discover()
    assert "RuntimeError: no licence" in only_broken(plugins).reason
    with pytest.raises(PluginError, match=r"unknown reward 'mean_activation'.*broken: fake-midway:terms"):
        plugins.get("reward", "mean_activation")
    implemented = {i.plugin_name for i in plugins.manager.hook.mimic_rewards.get_hookimpls()}
    assert "fake-midway:terms" not in implemented


def test_hook_that_asks_for_an_unknown_argument(site):
    make_distribution(site, "fake-argument", GOOD.replace("mimic_rewards()", "mimic_rewards(config)"))
    assert "config" in only_broken(discover()).reason


def test_same_name_twice_in_one_plugin(site):
    make_distribution(site, "fake-twice", GOOD + GOOD.split("def mimic_rewards():")[1])
    assert "'mean_activation' twice" in only_broken(discover()).reason


def test_plugin_without_hooks(site):
    make_distribution(site, "fake-empty", "def mimic_rewards():\n    return []\n")
    broken = only_broken(discover())
    assert (broken.reason, broken.remedy) == ("implements no hook", "mark its functions with @mimic_core.hookimpl")


def test_two_providers_of_one_name(site):
    ours, theirs = make_distribution(site, "lab-a", GOOD), make_distribution(site, "lab-b", GOOD)
    plugins = discover()
    assert plugins.broken == []
    with pytest.raises(PluginError) as e:
        plugins.get("reward", "mean_activation")
    assert ours in str(e.value) and theirs in str(e.value) and "\n" not in str(e.value)
    # what the message says to write works, for either of the two
    assert 'reward.mean_activation" = "lab-a:terms"' in str(e.value)
    run_file = tomllib.loads('[prefer]\n"reward.mean_activation" = "lab-b:terms"')
    assert plugins.preferring(run_file["prefer"]).provider("reward", "mean_activation").plugin == theirs
    with pytest.raises(PluginError, match="provided by"):
        plugins.get("reward", "mean_activation")  # the preference stays with the run that states it


def test_replacing_a_built_in_takes_a_preference(site):
    name = make_distribution(site, "fake-joint", REWARD.format(name="joint"))
    plugins = discover()
    with pytest.raises(PluginError, match=r"fake-joint:terms and mimic-neuro:rewards"):
        plugins.get("reward", "joint")
    assert plugins.preferring({"reward.joint": name}).get("reward", "joint").summary == "mean activation"
    with pytest.raises(PluginError, match=r"'nobody:x' does not provide it; it is provided by fake-joint:terms"):
        plugins.preferring({"reward.joint": "nobody:x"}).get("reward", "joint")


def test_unknown_component_answers_with_close_matches(plugins):
    with pytest.raises(PluginError, match=r"^unknown reward 'jiont'; did you mean joint\?$"):
        plugins.get("reward", "jiont")
    known = "action_variance, .*control, .*energy, .*joint"
    with pytest.raises(PluginError, match=f"^unknown reward 'zzz'; known: {known}"):
        plugins.get("reward", "zzz")


def test_unknown_setting_of_a_component(plugins):
    with pytest.raises(ConfigError, match=r"^rewards\.joint\.scal: unknown setting; did you mean scale\?$"):
        structure({"scal": 1.0}, plugins.get("reward", "joint").config, "rewards.joint")


# -- one-file plugins -----------------------------------------------------------------------------------------


def test_plugin_file(tmp_path):
    file = tmp_path / "my_terms.py"
    file.write_text(dedent(GOOD))
    plugins = discover()
    plugins.load_file(file)
    assert plugins.provider("reward", "mean_activation").plugin == "file:my_terms.py"
    assert plugins.versions["file:my_terms.py"].startswith("sha256:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_package_anywhere", "cannot be imported: ModuleNotFoundError"),
        ("x = 1", "implements no hook"),
        ("from mimic_core import hookimpl\n@hookimpl\ndef mimic_bodys():\n    yield", "did you mean mimic_bodies"),
    ],
)
def test_plugin_file_that_is_broken_fails_at_once(tmp_path, text, said):
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(PluginError, match=said):
        LoadedPlugins(HOOKS).load_file(file)


def test_plugin_file_that_is_absent_or_no_python(tmp_path):
    with pytest.raises(PluginError, match="no such file"):
        LoadedPlugins(HOOKS).load_file(tmp_path / "absent.py")
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(PluginError, match=r"must end in \.py"):
        LoadedPlugins(HOOKS).load_file(tmp_path / "mine.txt")


# -- on the command line --------------------------------------------------------------------------------------


def test_plugin_file_on_the_command_line(tmp_path):
    (tmp_path / "my_terms.py").write_text(dedent(GOOD))
    done = mimic("--plugin", "my_terms.py", "plugins", "show", "mean_activation", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["components"][0]["plugin"] == "file:my_terms.py"
    done = mimic("--plugin", "absent.py", "plugins", "list", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "mimic: error: --plugin absent.py: no such file\n"


def test_broken_plugin_stays_visible_and_fails_only_who_needs_it(tmp_path):
    name = make_distribution(tmp_path, "fake-broken", "import no_such_package_anywhere")
    done = mimic("plugins", "list", "--json", site=tmp_path)
    assert done.returncode == 0
    listed = json.loads(done.stdout)
    assert [b["plugin"] for b in listed["broken"]] == [name]
    assert {"kind": "reward", "name": "joint"}.items() <= next(
        c for c in listed["components"] if c["name"] == "joint"
    ).items()
    warning = done.stderr.splitlines()
    assert len(warning) == 1
    assert warning[0].startswith(f"mimic: warning: plugin {name} is broken") and "repair or remove" in warning[0]
    assert "broken plugin fake-broken:terms" in mimic("plugins", "list", site=tmp_path).stdout
    assert mimic("plugins", "show", "reward.joint", site=tmp_path).returncode == 0
    done = mimic("plugins", "check", name, site=tmp_path)
    assert done.returncode == 1 and "no_such_package_anywhere" in done.stderr.splitlines()[-1]
    done = mimic("analyze", "mean_activation", "rollouts.h5", "--out", tmp_path / "out", site=tmp_path)
    error = done.stderr.splitlines()[-1]
    assert (done.returncode, done.stdout) == (1, "")
    assert error.startswith("mimic: error: unknown analysis 'mean_activation'") and f"(broken: {name};" in error
    assert not (tmp_path / "out").exists()


def test_clash_is_listed_and_checked(tmp_path):
    make_distribution(tmp_path, "lab-a", GOOD)
    make_distribution(tmp_path, "lab-b", GOOD)
    listed = json.loads(mimic("plugins", "list", "--json", site=tmp_path).stdout)
    assert len(listed["clashes"]) == 1 and "lab-a:terms and lab-b:terms" in listed["clashes"][0]
    done = mimic("plugins", "check", "mean_activation", site=tmp_path)
    assert done.returncode == 1 and "lab-a:terms and lab-b:terms" in done.stderr
