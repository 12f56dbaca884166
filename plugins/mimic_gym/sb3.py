"""The vectorised environment as stable-baselines3 takes it; that package has to be installed beside mimic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from mimic_core import ConfigError
from mimic_gym.envs import MimicVectorEnv


class SB3VecEnv(VecEnv):
    """A `MimicVectorEnv` with ``autoreset_mode="SameStep"`` under stable-baselines3's interface.

    The infos say ``terminal_observation`` and ``TimeLimit.truncated`` where an episode ended, and nothing elsewhere.

    Raises:
        ConfigError: the environment begins anew one step later than stable-baselines3 expects.
    """

    def __init__(self, envs: MimicVectorEnv) -> None:
        if envs.metadata["autoreset_mode"] is not AutoresetMode.SAME_STEP:
            raise ConfigError('autoreset_mode: stable-baselines3 needs "SameStep"; give it to MimicVectorEnv')
        self._envs = envs
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> Any:
        """Begin all episodes, with the seed that `seed` was given."""
        seen, _ = self._envs.reset(seed=self._seeds[0])
        self._reset_seeds()
        self._reset_options()
        return seen

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Act; return observations, rewards, which episodes ended, and a dictionary for each."""
        seen, reward, terminated, truncated, info = self._envs.step(self._actions)
        over = terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(over):
            infos[i]["terminal_observation"] = info["final_obs"][i]
            infos[i]["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
        return seen, reward, over, infos

    def close(self) -> None:
        """Close the environment."""
        self._envs.close()

    # All episodes are one object, so attributes and methods are those of the whole.

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return the attribute, once for each episode asked for."""
        return [getattr(self._envs, attr_name)] * len(self._which(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set the attribute for all episodes."""
        setattr(self._envs, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Call the method once; return what it gave, once for each episode asked for."""
        return [getattr(self._envs, method_name)(*args, **kwargs)] * len(self._which(indices))

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Say of each episode asked for whether it is wrapped: none is."""
        return [False] * len(self._which(indices))

    def _which(self, indices: Any) -> Sequence[int]:
        return list(self._get_indices(indices))
