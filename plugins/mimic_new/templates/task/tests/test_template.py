import mimic_template
import numpy as np

from mimic_core.testing import TaskConformance, toy_clips, toy_model


class TestTemplate(TaskConformance):
    spec = next(iter(mimic_template.mimic_tasks()))


def test_begins_in_the_first_posture_and_holds_the_last():
    clips = toy_clips()
    episodes, of = mimic_template.build(mimic_template.Template(), toy_model()).episodes(clips)
    np.testing.assert_array_equal(episodes.start, clips.qpos[:, 0])
    for made, given, n in zip(episodes.qpos, clips.qpos[of], clips.n_frames, strict=True):
        np.testing.assert_array_equal(made, np.tile(given[n - 1], (len(made), 1)))
