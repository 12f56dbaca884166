"""Each check of the kit finds a plugin that breaks just what it looks for; several faults are told at once."""

from __future__ import annotations

from pathlib import Path

import attrs
import jax.numpy as jnp
import numpy as np
import pytest
from faulty_tasks import TASKS

from mimic_core import (
    ActuationSpec,
    AnalysisSpec,
    Body,
    BodySpec,
    CommandSpec,
    ConfigError,
    DataError,
    DisplaySpec,
    Emg,
    EmgReaderSpec,
    ExecutorSpec,
    FormatSpec,
    GeneratorSpec,
    ImporterSpec,
    Keypoints,
    LoggerSpec,
    MimicError,
    ObservationSpec,
    Outcome,
    Perturbation,
    PerturbationSpec,
    PluginError,
    ReaderSpec,
    Reads,
    RecordSpec,
    RegistrationSpec,
    ReportSpec,
    Result,
    RewardSpec,
    SimulatorSpec,
    StageSpec,
    Term,
    TerminationSpec,
    choice,
    hookimpl,
    option,
    write_json,
    write_text,
)
from mimic_core.plugins.manager import Provided
from mimic_core.testing import check_component, toy_body
from mimic_core.testing.checks import stages
from mimic_core.testing.conformance import checks

_calls: list[int] = []


def spec(cls, build=lambda config, *rest: None, **more):
    return cls(**{"name": "mine", "summary": "a test", "build": build, **more})


def term(cls, f, **more):
    return spec(cls, lambda config, model: f, **more)


@attrs.frozen
class NoDefault:
    scale: float


def refuse(*files):
    raise DataError("not mine; give another")


def example(folder):
    path = folder / "mine.xyz"
    path.write_text("1 2 3\n")
    return path


SETTINGS = {
    "settings": lambda cls, **more: spec(cls, config=NoDefault, **more),
    "summary": lambda cls, **more: spec(cls, **{**more, "summary": "two\nlines"}),
}
COUNTER = lambda s: s.joint_pos.sum() * 0.0 + len(_calls.append(1) or _calls)  # noqa: E731


def terms(cls, good, **more):
    """What breaks each check of a term; ``good`` turns a number of the step into what the kind returns."""
    return {
        "shape": term(cls, lambda s: jnp.zeros((2, 2)), **more),
        "jit": term(cls, lambda s: good(1.0 if s.joint_pos[0] > 0 else 0.0), **more),
        "vmap": term(cls, lambda s: good(COUNTER(s)), **more),
        "fields by name": term(cls, lambda s: good(s[0].sum()), **more),
        "finite values and gradients": term(cls, lambda s: good(jnp.linalg.norm(s.joint_vel)), **more),
    }


class Engine:
    """Not an engine: whatever is done, the body stays."""

    control_dt = 0.0025

    def reset(self, qpos, qvel, activation):
        from mimic_core import SimState

        return SimState(qpos=qpos, qvel=qvel, activation=activation, time=jnp.zeros(len(qpos)))

    def step(self, state, excitation):
        return state

    def read(self, state, fields):
        raise NotImplementedError


def engine(**more):
    return spec(SimulatorSpec, lambda *given, **rest: Engine(), rank={}, **more)


# -- stages and records ---------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Options:
    """Count the frames of clips."""

    least: int = option(1, help="Fewest frames of a clip that counts.")


@attrs.frozen(kw_only=True)
class Undocumented:
    least: int = option(1, help="Fewest frames of a clip that counts.")


@attrs.frozen(kw_only=True)
class Plain:
    """Count."""

    least: int = 1


@attrs.frozen(kw_only=True)
class Helpless:
    """Count."""

    least: int = option(1, help=" ")


@attrs.frozen(kw_only=True)
class Chooses:
    """Count."""

    what: object = choice("rewad", help="What to count.")


def count(options, inputs, context):
    from mimic_core import ReferenceClips

    frames = ReferenceClips.load(inputs.one("clips")).n_frames
    write_json(context.out, {"frames": int(frames[frames >= options.least].sum())})
    return {"clips": len(frames)}


def stage(**more):
    given = {"config": Options, "work": count, "reads": (Reads("clips"),), "output": "count.json"}
    return StageSpec(**{"name": "count", "summary": "a test", **given, **more})


STAGES = {
    "no docstring": ("options", stage(config=Undocumented), "Undocumented has no docstring"),
    "plain field": ("options", stage(config=Plain), "option 'least' is a plain field"),
    "no help": ("options", stage(config=Helpless), "option 'least' has no help"),
    "unknown kind of component": ("options", stage(config=Chooses), "chooses a 'rewad'; did you mean reward or"),
    "label": ("options", stage(labelled="most"), "labelled is 'most', which is no option"),
    "unknown record": (
        "reads and writes",
        stage(reads=(Reads("clip"),)),
        "'clip', which is no kind of record",
    ),
    "no output": ("reads and writes", stage(writes="clips", output=""), "writes clips but has no output"),
    "label in output": ("reads and writes", stage(output="{label}.json"), "it has {label} in it exactly if"),
    "arguments": ("reads and writes", stage(work=lambda options: {}), "let it take (options, inputs, context)"),
    "unknown stage": ("reads and writes", stage(command="tain"), "refers to the stage 'tain'; did you mean train?"),
}


@pytest.mark.parametrize(("check", "record", "said"), STAGES.values(), ids=STAGES)
def test_faulty_stage(plugins, check, record, said):
    with pytest.raises(PluginError) as e:
        checks("stage", record)[check](record, plugins)
    assert said in str(e.value)


def test_a_stage_is_done_on_synthetic_records(plugins):
    assert stages.check_work(stage(), plugins, {"least": 35}) == ""
    unmade = stage(reads=(Reads("training"),))
    assert stages.check_work(unmade, plugins, {}) == "not tried: there are no synthetic training"
    with pytest.raises(PluginError, match=r"leaves nothing at context\.out"):
        stages.check_work(stage(work=lambda *given: {}), plugins, {})
    with pytest.raises(PluginError, match="writes keypoints, but says that it writes clips"):
        stages.check_work(stage(work=_other_kind, writes="clips", output="clips.h5"), plugins, {})
    with pytest.raises(ConfigError, match=r"count\.most: unknown setting"):
        stages.check_work(stage(), plugins, {"most": 1})


def _other_kind(options, inputs, context):
    Keypoints.from_array(np.zeros((1, 2, 3)), ("a", "b"), 100.0).save(context.out)
    return {}


# -- loggers, displays, executors, reports --------------------------------------------------------------------


class Eager:
    """Writes when it is built."""

    def __init__(self, out):
        write_text(out / "mine" / "log.txt", "")

    @hookimpl
    def mimic_progress(self, done):
        pass


class Stray:
    def __init__(self, out):
        self.out = out

    @hookimpl
    def mimic_stage_started(self, stage):
        write_text(self.out.parent / "log.txt", stage)


class Loud:
    """Shows progress where the results go, and tables as their class."""

    def working(self, watch):
        import contextlib

        class Progress:
            @hookimpl
            def mimic_progress(self, done):
                print(done)

        return contextlib.nullcontext(Progress())

    def show(self, items):
        print(*map(type, items))


class Quiet(Loud):
    def working(self, watch):
        import contextlib

        return contextlib.nullcontext(object())


def lost_job(config):
    return lambda work, jobs: iter([Outcome(jobs[0])])


def idle(config):
    return lambda work, jobs: (Outcome(job, "refused: on purpose") for job in jobs)


def careless(config):
    def run(work, jobs):
        write_json(jobs[0].data["file"], {})
        yield from (Outcome(job) for job in jobs)

    return run


def meddling(config):
    def write(run, out, context):
        write_text(run / "manifest.json", "{}")
        return write_text(out, "a report")

    return write


SEVERAL = {
    "logger hears nothing": ("logger", "hears", spec(LoggerSpec, lambda c, out: object()), "hears nothing"),
    "logger too early": (
        "logger",
        "hears",
        spec(LoggerSpec, lambda c, out: Eager(out)),
        "before the stage has",
    ),
    "logger elsewhere": ("logger", "hears", spec(LoggerSpec, lambda c, out: Stray(out)), "writes log.txt; write below"),
    "display without methods": ("display", "shows", spec(DisplaySpec), "NoneType without working, show"),
    "display on stdout": ("display", "shows", spec(DisplaySpec, lambda c: Loud()), "progress on standard output"),
    "display of classes": ("display", "shows", spec(DisplaySpec, lambda c: Quiet()), "does not print '[brackets]'"),
    "executor is none": ("executor", "runs jobs", spec(ExecutorSpec), "build returns NoneType; return run"),
    "executor loses": ("executor", "runs jobs", spec(ExecutorSpec, lost_job), "no Outcome of job 'refusing'"),
    "executor does nothing": ("executor", "runs jobs", spec(ExecutorSpec, idle), "a job that works has the error"),
    "executor hides": ("executor", "runs jobs", spec(ExecutorSpec, careless), "raised an error ends with None"),
    "report is none": ("report", "reports a run", spec(ReportSpec), "build returns NoneType"),
    "report unwritten": ("report", "reports a run", spec(ReportSpec, lambda c: lambda *a: a[1]), "return the path"),
    "report elsewhere": (
        "report",
        "reports a run",
        spec(ReportSpec, lambda c: lambda run, out, context: write_text(out.parent / "other.txt", "")),
        "elsewhere than it is told to",
    ),
    "report changes": ("report", "reports a run", spec(ReportSpec, meddling), "changes files of the run"),
    "record command": ("record", "recognised", spec(RecordSpec, refuse, made_by="train"), "made_by is 'train'"),
    "record special": (
        "record",
        "recognised",
        spec(RecordSpec, refuse, made_by="mimic train", special="mine"),
        "a special 'mine', which is no other kind",
    ),
    "record greedy": (
        "record",
        "recognised",
        spec(RecordSpec, refuse, made_by="mimic train", holds=lambda path: path.is_dir()),
        "takes an empty folder for its own",
    ),
    "record silent": (
        "record",
        "recognised",
        spec(RecordSpec, lambda path: {}, made_by="mimic train"),
        "reads a foreign file without a word",
    ),
    "command without help": ("command", "function", CommandSpec(name="mine", function=lambda: 0), "neither a summary"),
    "importer without refusal": (
        "importer",
        "foreign file",
        spec(ImporterSpec, lambda c: lambda described: Body(name="b", mjcf=""), suffixes=(".x",)),
        "reads a foreign .x file without a word",
    ),
}


@pytest.mark.parametrize(("kind", "check", "record", "said"), SEVERAL.values(), ids=SEVERAL)
def test_faulty_others(plugins, kind, check, record, said):
    with pytest.raises(PluginError) as e:
        checks(kind, record)[check](record, plugins)
    assert said in str(e.value)


def test_a_logger_that_cannot_work_here_is_not_tried(plugins):
    def build(config, out):
        raise ConfigError("logger mine: no network; leave it out")

    assert checks("logger", spec(LoggerSpec, build))["hears"](spec(LoggerSpec, build), plugins) == (
        "not tried: logger mine: no network; leave it out"
    )


# -- every check of every kind --------------------------------------------------------------------------------

ONE_PLACE = attrs.evolve(toy_body(), keypoints={"hand": "hand"})
LIST = attrs.evolve(toy_body(), torque_limits=[("elbow", 1.0)])
FAULTY = {
    "body": {
        "compiles": spec(BodySpec, lambda c, v: "a body"),
        "keypoints": spec(BodySpec, lambda c, v: ONE_PLACE),
        "saved and read": spec(BodySpec, lambda c, v: attrs.evolve(toy_body(), name=Path("toy"))),
        "driven": spec(BodySpec, lambda c, v: attrs.evolve(toy_body(), muscles=())),
    },
    "importer": {
        "builds": spec(ImporterSpec, suffixes=(".x",)),
        "suffixes": spec(ImporterSpec, suffixes=("X",)),
        "foreign file": SEVERAL["importer without refusal"][2],
    },
    "actuation": {
        "actuators": spec(ActuationSpec, lambda c, body: _motor(actuators=("knee",))),
        "excitation": spec(ActuationSpec, lambda c, body: _motor(low=1.0)),
    },
    "simulator": {
        "simulation": engine(differentiable=True, forces=True),
        "gradient": engine(differentiable=True, forces=True),
        "forces": engine(differentiable=True, forces=True),
    },
    "reader": {
        "builds": spec(ReaderSpec, suffixes=(".xyz",)),
        "suffixes": spec(ReaderSpec, suffixes=("XYZ",)),
        "example file": spec(ReaderSpec, lambda c: lambda path: [], suffixes=(".xyz",), example=example),
        "foreign file": spec(ReaderSpec, lambda c: lambda path: [], suffixes=(".xyz",)),
    },
    "emg_reader": {
        "builds": spec(EmgReaderSpec),
        "example files": spec(EmgReaderSpec, lambda c: lambda files: [], example=lambda folder: [example(folder)]),
        "foreign file": spec(EmgReaderSpec, lambda c: lambda files: []),
    },
    "format": {
        "suffixes": spec(FormatSpec, suffixes=("X",)),
        "written": spec(FormatSpec, lambda c: type("Silent", (), {"write": lambda *a: None})(), suffixes=(".x",)),
    },
    "generator": {"makes keypoints": spec(GeneratorSpec, lambda c, model, seed: dict)},
    "registration": {"registers the toy body": spec(RegistrationSpec)},
    "reward": terms(RewardSpec, lambda x: x)
    | {"memory": term(RewardSpec, Term(init=lambda: (), step=lambda m, s: ((s.time,), s.time)))},
    "observation": terms(ObservationSpec, lambda x: jnp.ones(1) * x, role="proprioception"),
    "termination": terms(TerminationSpec, lambda x: jnp.asarray(x) > jnp.inf)
    | {
        "vmap": term(TerminationSpec, lambda s: COUNTER(s) % 3 < 1),
        "finite values and gradients": None,  # truth values are always finite
    },
    "task": TASKS,
    "perturbation": {"builds": spec(PerturbationSpec, lambda c, context: Perturbation(onset_ms=np.zeros(1)))},
    "analysis": {"synthetic records": spec(AnalysisSpec, lambda c: lambda i, context: Result())},
    "report": {"reports a run": spec(ReportSpec)},
    "executor": {"runs jobs": spec(ExecutorSpec)},
    "logger": {"hears": spec(LoggerSpec, lambda c, out: object())},
    "display": {"shows": spec(DisplaySpec)},
    "stage": {"options": STAGES["plain field"][1], "reads and writes": STAGES["no output"][1]},
    "record": {"recognised": SEVERAL["record command"][2]},
    "command": {"function": CommandSpec(name="mine", summary="a test", function=3)},
}
"""Kind → check → a record that breaks it; those of policies are in `test_conformance_policies`."""
NEEDED = {
    ImporterSpec: {"suffixes": (".x",)},
    ReaderSpec: {"suffixes": (".x",)},
    FormatSpec: {"suffixes": (".x",)},
    ObservationSpec: {"role": "proprioception"},
    RecordSpec: {"made_by": "mimic train"},
    StageSpec: {"work": count},
    SimulatorSpec: {"rank": {}},
}


def _motor(actuators=("elbow",), low=0.0):
    from mimic_core import Actuation

    def apply(mjcf):
        import mujoco

        mjcf.add_actuator(name="elbow", target="elbow", trntype=mujoco.mjtTrn.mjTRN_JOINT)

    return Actuation(name="mine", actuators=actuators, low=low, high=1.0, apply=apply)


def faulty():
    for kind, of_kind in FAULTY.items():
        for check, record in of_kind.items():
            if record is not None:
                yield pytest.param(kind, check, record, id=f"{kind} {check}")


@pytest.mark.conformance
@pytest.mark.parametrize(("kind", "check", "record"), faulty())
def test_each_check_finds_what_it_is_for(plugins, kind, check, record):
    with pytest.raises(MimicError) as e:
        checks(kind, record)[check](record, plugins)
    assert str(e.value) and "\n" not in str(e.value)


def _failure(plugins, kind, record) -> str:
    with pytest.raises(PluginError) as e:
        check_component(Provided(kind, record.name, record, "lab:terms"), plugins)
    assert "\n" not in str(e.value)
    return str(e.value)


def test_no_check_is_without_a_faulty_plugin(plugins):
    for kind in plugins.kinds:
        if kind == "policy":
            continue
        found = set(checks(kind, next(r for r in FAULTY[kind].values() if r is not None))) - set(SETTINGS)
        assert found == set(FAULTY[kind]), kind


@pytest.mark.parametrize("check", SETTINGS)
def test_settings_and_summary_of_every_kind(plugins, check):
    classes = {type(r) for of_kind in FAULTY.values() for r in of_kind.values() if r is not None} - {CommandSpec}
    for cls in classes:
        record = SETTINGS[check](cls, **NEEDED.get(cls, {}))
        kind = next(k for k, of_kind in FAULTY.items() if any(isinstance(r, cls) for r in of_kind.values()))
        with pytest.raises(PluginError):
            checks(kind, record)[check](record, plugins)


# -- several faults -------------------------------------------------------------------------------------------


def test_all_failures_are_told_at_once(plugins):
    record = spec(ReaderSpec, lambda c: None, suffixes=("CSV",), summary="")
    said = _failure(plugins, "reader", record)
    assert said.startswith("reader mine (lab:terms): check 'summary' failed: summary is ''")
    for check, reason in (("builds", "build returns NoneType"), ("suffixes", "suffixes has 'CSV'")):
        assert f"; check '{check}' failed: {reason}" in said


def test_one_fault_that_fails_several_checks_is_told_once(plugins):
    record = spec(RewardSpec, lambda config, model: 1 / 0)
    said = _failure(plugins, "reward", record)
    assert said.count("ZeroDivisionError") == 1 and "check 'shape' failed: it raises" in said


def test_emg_reader_of_rollouts_has_fewer_checks():
    record = spec(EmgReaderSpec, lambda c: lambda files: Emg, of_rollouts=True)
    assert list(checks("emg_reader", record)) == ["settings", "summary", "builds"]
