"""Events of a stage, and the loggers that keep them."""

from __future__ import annotations

import json
import struct
import sys
import time

import pytest

from mimic_core import ConfigError, DataError, LoggerSpec, PluginError, hookimpl
from mimic_core.chain import HOOKS, do
from mimic_core.chain.events import LOGS, Events, listening, make_loggers
from mimic_core.chain.loading import LoadedPlugins
from mimic_run import pipeline
from mimic_stages import training

SETTINGS = {"seed": 3, "settings": {"rewards": {"joint": {"weight": 5.0}, "control": {"weight": 0.15}}}}


class Recorder:
    """Keeps the names of the events it hears, and what a failure was."""

    def __init__(self):
        self.heard = []

    @hookimpl
    def mimic_stage_started(self, stage, settings):
        self.heard.append(("started", stage, dict(settings)))

    @hookimpl
    def mimic_progress(self, stage, done, total, metrics):
        self.heard.append(("progress", stage, done, total, dict(metrics)))

    @hookimpl
    def mimic_stage_finished(self, stage, summary):
        self.heard.append(("finished", stage, summary["clips"]))

    @hookimpl
    def mimic_stage_failed(self, stage, error):
        self.heard.append(("failed", stage, error))


class Failing(Recorder):
    """Cannot write any more after the stage started."""

    @hookimpl
    def mimic_progress(self):
        raise OSError("no space left\non device")


def with_loggers(*specs) -> LoadedPlugins:
    class Plugin:
        @hookimpl
        def mimic_loggers(self):
            yield from specs

    plugins = LoadedPlugins(HOOKS)
    plugins.add(Plugin(), "test")
    assert not plugins.broken
    return plugins


def keeping(name: str, logger: object) -> LoggerSpec:
    return LoggerSpec(name=name, build=lambda config, out: logger)


# -- events ---------------------------------------------------------------------------------------------------


def test_a_stage_tells_what_happens():
    plugins, recorder = LoadedPlugins(HOOKS), Recorder()
    plugins.manager.register(recorder)
    with Events(plugins, "register", {"method": "stac"}) as events:
        events.progress(1, 2, {"cost_mm2": 0.5})
        assert events.finish({"clips": 4})["clips"] == 4
    assert recorder.heard == [
        ("started", "register", {"method": "stac"}),
        ("progress", "register", 1, 2, {"cost_mm2": 0.5}),
        ("finished", "register", 4),
    ]


@pytest.mark.parametrize("error", [ValueError("reward is not finite"), KeyboardInterrupt()], ids=repr)
def test_a_stage_tells_what_ended_it(error):
    plugins, recorder = LoadedPlugins(HOOKS), Recorder()
    plugins.manager.register(recorder)
    with pytest.raises(type(error)), Events(plugins, "train", {}):
        raise error
    assert recorder.heard == [("started", "train", {}), ("failed", "train", error)]


def test_a_stage_of_the_chain_tells_that_it_failed(plugins, tmp_path):
    (tmp_path / "rollouts.h5").write_text("no HDF5")
    recorder = Recorder()
    plugins.manager.register(recorder)
    try:
        with pytest.raises(DataError, match="not an HDF5 file") as raised:
            do(plugins, "analyze", analysis="tracking", records=[tmp_path / "rollouts.h5"], out=tmp_path / "out")
    finally:
        plugins.manager.unregister(recorder)
    assert [event[:2] for event in recorder.heard] == [("started", "analyze.tracking"), ("failed", "analyze.tracking")]
    assert recorder.heard[-1][2] is raised.value


# -- loggers --------------------------------------------------------------------------------------------------


def test_a_logger_hears_what_happens_in_the_block_and_no_more(tmp_path):
    recorder = Recorder()
    plugins = with_loggers(keeping("memory", recorder))
    with listening(plugins, make_loggers(plugins, {"memory": {}}, tmp_path)):
        with Events(plugins, "train", {"seed": 0}) as events:
            events.progress(10, 20, {"reward": 1.5})
    Events(plugins, "rollout", {})
    assert recorder.heard == [
        ("started", "train", {"seed": 0}),
        ("progress", "train", 10, 20, {"reward": 1.5}),
    ]


def test_a_logger_is_told_where_to_write(tmp_path):
    def build(config, out):
        assert out == tmp_path / LOGS
        return Recorder()

    plugins = with_loggers(LoggerSpec(name="memory", build=build))
    assert [logger.name for logger in make_loggers(plugins, {"memory": {}}, tmp_path)] == ["memory"]
    assert not (tmp_path / LOGS).exists()


def test_a_logger_that_raises_is_left_out_with_one_line(tmp_path, capsys):
    failing, recorder = Failing(), Recorder()
    plugins = with_loggers(keeping("full", failing), keeping("memory", recorder))
    with listening(plugins, make_loggers(plugins, {"full": {}, "memory": {}}, tmp_path)):
        with Events(plugins, "train", {}) as events:
            events.progress(1, 2)
            events.progress(2, 2)
            events.finish({"clips": 1})
    assert [event[0] for event in recorder.heard] == ["started", "progress", "progress", "finished"]
    assert [event[0] for event in failing.heard] == ["started"]
    assert capsys.readouterr().err.splitlines() == [
        "mimic: warning: logger full stopped: OSError: no space left on device; the work goes on without it"
    ]


class Misspelt:
    @hookimpl
    def mimic_proggress(self, done):
        """A hook that nobody calls."""


@pytest.mark.parametrize(
    ("chosen", "error", "said"),
    [
        ({"memry": {}}, PluginError, "unknown logger 'memry'; did you mean memory?"),
        ({"memory": {"colour": 1}}, ConfigError, "log.memory.colour: unknown setting"),
        ({"memory": True}, ConfigError, "log.memory: must be a table, got True"),
        ({"misspelt": {}}, PluginError, "logger misspelt: unknown hook 'mimic_proggress'"),
        ({"deaf": {}}, PluginError, "logger deaf: hears nothing; mark its methods with @mimic_core.hookimpl"),
    ],
    ids=["unknown", "setting", "no table", "misspelt hook", "no hook"],
)
def test_what_is_wrong_with_a_logger_is_said_before_the_work(tmp_path, chosen, error, said):
    plugins = with_loggers(keeping("memory", Recorder()), keeping("misspelt", Misspelt()), keeping("deaf", object()))
    with pytest.raises(error) as raised:
        make_loggers(plugins, chosen, tmp_path)
    assert said in str(raised.value)


def train_a_little(plugins, logger: str, settings: dict, run, steps, fail=False) -> None:
    """What a training tells, ``reward`` being a thousandth of the control steps done."""
    with listening(plugins, make_loggers(plugins, {logger: settings}, run)):
        with Events(plugins, "train", SETTINGS) as events:
            for done in steps:
                events.progress(done, 4000, {"reward": done / 1000, "joint": 2.5})
            if fail:
                raise KeyboardInterrupt
            events.progress(done, 4000, {"reward": done / 1000, "tracking_mm": 0.5})
            events.finish({"clips": 1})


def test_tensorboard_reads_back_what_was_logged(plugins, tmp_path):
    pytest.importorskip("tensorboardX", reason="the extra 'tensorboard' is not installed")
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with pytest.raises(KeyboardInterrupt):
        train_a_little(plugins, "tensorboard", {"flush_s": 1}, tmp_path, (1000, 2000, 3000), fail=True)
    train_a_little(plugins, "tensorboard", {}, tmp_path, (2000, 3000, 4000))  # on from a checkpoint at 1000 steps

    read = accumulator.EventAccumulator(str(tmp_path / "logs" / "tensorboard")).Reload()
    assert read.Tags()["scalars"] == ["train/reward", "train/joint", "train/tracking_mm"]
    curve = {e.step: e.value for e in read.Scalars("train/joint")}
    assert curve == {1000: 2.5, 2000: 2.5, 3000: 2.5, 4000: 2.5}
    assert [e.step for e in read.Scalars("train/joint")] == [1000, 2000, 3000, 4000]  # nothing twice
    assert [(e.step, e.value) for e in read.Scalars("train/tracking_mm")] == [(4000, 0.5)]
    text = read.Tensors("train/settings/text_summary")[-1].tensor_proto.string_val[0].decode()
    assert json.loads(text) == SETTINGS

    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    content = read.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    shown = HParamsPluginData.FromString(content).session_start_info.hparams
    assert shown["settings.rewards.control.weight"].number_value == 0.15
    assert shown["seed"].number_value == 3


def wandb_records(path):
    """The records of a ``.wandb`` file: LevelDB's log format (32 KiB blocks; checksum, length, type) of protobufs."""
    from wandb.proto import wandb_internal_pb2

    data, at, record = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
        _, length, kind = struct.unpack_from("<IHB", data, at)
        record, at = record + data[at + 7 : at + 7 + length], at + 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield wandb_internal_pb2.Record.FromString(record)
            record = b""


def wandb_run(folder):
    """(id, project, settings, rows, exit status) of an offline run."""
    (file,) = folder.glob("*.wandb")
    run, settings, rows, status = None, {}, [], None
    for r in wandb_records(file):
        kind = r.WhichOneof("record_type")
        if kind == "run":
            run = r.run
            settings |= {u.key: json.loads(u.value_json) for u in r.run.config.update}
        elif kind == "history":
            rows.append({i.nested_key[0]: json.loads(i.value_json) for i in r.history.item})
        elif kind == "exit":
            status = r.exit.exit_code
    return run.run_id, run.project, settings, rows, status


@pytest.fixture
def wandb_alone(monkeypatch, tmp_path_factory):
    """Weights & Biases without account, settings and network."""
    pytest.importorskip("wandb", reason="the extra 'wandb' is not installed")
    home = tmp_path_factory.mktemp("home")
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("NETRC", str(home / "netrc"))


def test_wandb_keeps_an_offline_run_that_goes_on_under_one_id(plugins, tmp_path, wandb_alone, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = tmp_path / "mouse"
    with pytest.raises(KeyboardInterrupt):
        train_a_little(plugins, "wandb", {"project": "reaches"}, run, (1000, 2000), fail=True)
    time.sleep(1)  # wandb names its folders by the second
    train_a_little(plugins, "wandb", {"project": "reaches"}, run, (3000, 4000))

    import wandb

    wandb.teardown()  # waits until everything is written, as the end of a process does
    folders = sorted((run / "logs" / "wandb").glob("offline-run-*"), key=lambda p: p.stat().st_mtime)
    stopped, done = map(wandb_run, folders)
    kept = (run / "logs" / "wandb" / "run_id.txt").read_text().strip()
    assert (stopped[0], done[0]) == (kept, kept)
    assert stopped[1] == "reaches"
    assert {k: done[2][k] for k in SETTINGS} == SETTINGS
    values = [(r["_step"], r["train/reward"], r["train/joint"]) for r in stopped[3] + done[3]]
    assert values == [(1000, 1.0, 2.5), (2000, 2.0, 2.5), (3000, 3.0, 2.5), (4000, 4.0, 2.5)]
    assert done[3][-1]["train/tracking_mm"] == 0.5
    assert (stopped[4], done[4]) == (1, 0)


def test_wandb_online_without_login_is_refused_before_the_training(plugins, tmp_path, wandb_alone):
    with pytest.raises(ConfigError, match="nobody is logged in; run 'wandb login', or give --set"):
        make_loggers(plugins, {"wandb": {"mode": "online"}}, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_missing_library_is_said_with_how_to_install_it(plugins, tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, f"mimic_{name}.logger", None)
    with pytest.raises(ConfigError, match=rf"logger {name}: .* pip install 'mimic-neuro\[{name}\]'"):
        make_loggers(plugins, {name: {}}, tmp_path)


# -- choosing loggers -----------------------------------------------------------------------------------------


@pytest.fixture
def short_training(monkeypatch):
    """A training that tells two rewards, writes one file and goes on where it is asked to again."""
    given = []

    def train(plugins, clips, *, out, given, progress):
        train.given.append(dict(given))
        progress(1000, 2000, {"reward": 1.0})
        out.mkdir(parents=True, exist_ok=True)
        (out / "run.json").write_text("{}")
        training = {"control_steps": 2000, "seconds": 1.0, "compile_seconds": 1.0}
        told = {"policy": "p", "preset": "q", "simulator": "s", "tracking_mm_on": "train", "tracking_mm": 1.0}
        return {**told, "passive_mm": 9.0, "held_out_clips": 0, "train_mm": 1.0, "training": training}

    train.given = given
    monkeypatch.setattr(training, "train", train)
    return train


def test_train_command_chooses_loggers_and_their_settings(short_training, monkeypatch, tmp_path, capsys):
    clips = tmp_path / "clips.h5"
    clips.write_text("clips")
    pytest.importorskip("tensorboardX", reason="the extra 'tensorboard' is not installed")
    from mimic_core import cli

    words = f"train {clips} --log tensorboard --set log.tensorboard.flush_s=2 --set policy.steps=2000 --json --out"
    monkeypatch.setattr(sys, "argv", ["mimic", *words.split(), str(tmp_path / "run")])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 0
    assert json.loads(capsys.readouterr().out)["tracking_mm"] == 1.0
    assert short_training.given == [{"seed": 0, "policy": {"steps": 2000}}]
    assert len(list((tmp_path / "run" / "logs" / "tensorboard").glob("events.*"))) == 1


def test_run_file_chooses_loggers_and_what_they_keep_makes_nothing_new(short_training, plugins, tmp_path):
    pytest.importorskip("tensorboardX", reason="the extra 'tensorboard' is not installed")
    (tmp_path / "clips.h5").write_text("clips")
    file = tmp_path / "run.toml"
    file.write_text('[train]\nclips = "clips.h5"\n\n[log.tensorboard]\nflush_s = 2\n')
    out = tmp_path / "out"
    assert pipeline.run(plugins, file, out)["done"] == ["train"]
    (kept,) = (out / "train" / "logs" / "tensorboard").glob("events.*")
    kept.write_text("uploaded")
    assert pipeline.run(plugins, file, out)["reused"] == ["train"]
    assert pipeline.run(plugins, file, out, {"log": {"tensorboard": {"flush_s": 3}}})["reused"] == ["train"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[train]\nclips = "clips.h5"\n[log.tensorbord]\n', "unknown logger 'tensorbord'; did you mean tensorboard?"),
        ('[train]\nclips = "clips.h5"\n[log.wandb]\nmode = "of"\n', "log.wandb.mode: must be one of"),
        ("[report]\n[log.tensorboard]\n", "log: nothing to log"),
    ],
)
def test_run_file_with_a_wrong_logger_is_refused(short_training, plugins, tmp_path, text, said):
    (tmp_path / "clips.h5").write_text("clips")
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises((ConfigError, PluginError), match=said):
        pipeline.run(plugins, tmp_path / "run.toml", tmp_path / "out")
    assert short_training.given == []


def test_a_folder_that_holds_only_logs_may_be_trained_in(tmp_path):
    (tmp_path / "run" / LOGS / "tensorboard").mkdir(parents=True)
    training._same_run(tmp_path / "run", {})
    (tmp_path / "run" / "notes.txt").touch()
    with pytest.raises(DataError, match="is not empty and holds no training run"):
        training._same_run(tmp_path / "run", {})
