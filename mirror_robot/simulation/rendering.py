# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Pictures of the robot, with or without physics behind them."""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np

from mirror_robot.simulation.model import SimulationError

_VISUAL_GROUP, _COLLISION_GROUP = 1, 0


class Renderer:
    """Draws a model made by `build_model`; fast enough to accompany a video on one CPU core.

    Parameters
    ----------
    model : mujoco.MjModel
    width, height : int
        Size of the pictures [px], at most 1920 x 1080.
    camera : str
        ``body`` (upper body, arms spread or raised stay in view) or ``face`` (close-up).
    fast : bool
        Without shadows and anti-aliasing; a software renderer is an order of magnitude slower
        with them.

    Raises
    ------
    SimulationError
        If the model has no such camera, the size is out of range, or nothing can draw on this
        machine (``libegl1`` and ``libgl1-mesa-dri`` are missing).
    """

    def __init__(
        self, model: mujoco.MjModel, width: int = 640, height: int = 480, camera: str = "body",
        fast: bool = True,
    ) -> None:
        self._model = model
        self._cameras = [model.camera(row).name for row in range(model.ncam)]
        self._data = mujoco.MjData(model)
        self._home = model.key("rest").qpos.copy() if model.nkey else model.qpos0.copy()
        self._address = {model.joint(row).name: int(model.jnt_qposadr[row])
                         for row in range(model.njnt)}
        self._fast = fast
        self.camera = self._known(camera)
        model.vis.quality.offsamples = 0 if fast else 4
        try:
            self._renderer = mujoco.Renderer(model, height, width)
        except ValueError as error:
            raise SimulationError(str(error)) from error
        except Exception as error:  # the GL back ends raise what they please
            raise SimulationError(
                f"no OpenGL to draw with ({error}); on Debian and Ubuntu install libegl1 and "
                "libgl1-mesa-dri, or set MUJOCO_GL=osmesa with libosmesa6") from error
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = 0
        self._option.geomgroup[_VISUAL_GROUP] = 1
        seen = set(model.geom_bodyid[model.geom_group == _VISUAL_GROUP]) - {0}
        if not seen:  # a description without visual shapes
            self._option.geomgroup[_COLLISION_GROUP] = 1

    def _known(self, camera: str) -> str:
        if camera not in self._cameras:
            raise SimulationError(f"no camera {camera!r}; valid: {', '.join(self._cameras)}")
        return camera

    def render(
        self, joint_positions: Mapping[str, float], camera: str | None = None,
    ) -> np.ndarray:
        """Return a picture (height, width, 3) uint8 RGB of the robot in a pose.

        Parameters
        ----------
        joint_positions : mapping joint -> position [rad or m]
            Joints not named, or not finite, are at rest.
        camera : str, optional
            Instead of the camera chosen at the start.

        Raises
        ------
        SimulationError
            If the robot has no such joint or camera; the valid ones are listed.
        """
        qpos = self._data.qpos
        qpos[:] = self._home
        for name, position in joint_positions.items():
            if name not in self._address:
                raise SimulationError(
                    f"no joint {name!r}; valid: {', '.join(sorted(self._address))}")
            if np.isfinite(position):
                qpos[self._address[name]] = position
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        self._renderer.update_scene(
            self._data, self._known(camera) if camera else self.camera, self._option)
        flags = self._renderer.scene.flags
        flags[mujoco.mjtRndFlag.mjRND_SHADOW] = not self._fast
        flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        return self._renderer.render()

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()
