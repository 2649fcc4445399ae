# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Pictures of the robot, with or without physics behind them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any

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
        self.camera = self._known(camera)
        model.vis.quality.offsamples = 0 if fast else 4
        limits = model.vis.global_
        if not (0 < width <= limits.offwidth and 0 < height <= limits.offheight):
            raise SimulationError(
                f"a picture of {width} x {height} is not within 1 x 1 and "
                f"{limits.offwidth} x {limits.offheight}")
        self._context = _gl_context(width, height)
        self._context.make_current()
        self._gl = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._gl)
        self._scene = mujoco.MjvScene(model, maxgeom=2 * model.ngeom + 100)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = not fast
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        self._view = mujoco.MjvCamera()
        self._view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._rectangle = mujoco.MjrRect(0, 0, width, height)
        self._picture = np.empty((height, width, 3), np.uint8)
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
        chosen = self._known(camera) if camera else self.camera
        self._view.fixedcamid = self._model.camera(chosen).id
        self._context.make_current()
        mujoco.mjv_updateScene(
            self._model, self._data, self._option, None, self._view,
            mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        mujoco.mjr_render(self._rectangle, self._scene, self._gl)
        mujoco.mjr_readPixels(self._picture, None, self._rectangle, self._gl)
        return self._picture[::-1].copy()  # OpenGL counts rows from below

    def close(self) -> None:
        """Free the OpenGL context."""
        self._context.make_current()
        self._gl.free()
        self._context.free()


def _gl_context(width: int, height: int) -> Any:
    """Return an off-screen OpenGL context; EGL unless ``MUJOCO_GL`` says otherwise.

    It is made here and not by `mujoco.Renderer`, which goes by what ``MUJOCO_GL`` was when
    mujoco was first imported, wherever that was, and otherwise wants a display.
    """
    backend = os.environ.get("MUJOCO_GL") or "egl"
    try:
        return importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
    except Exception as error:  # the back ends raise what they please
        raise SimulationError(
            f"no OpenGL to draw with ({backend}: {error}); on Debian and Ubuntu install libegl1 "
            "and libgl1-mesa-dri, or set MUJOCO_GL=osmesa with libosmesa6") from error
