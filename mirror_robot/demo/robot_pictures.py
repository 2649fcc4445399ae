# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Pictures of the robot, drawn by a few processes at once and handed out in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np

_drawers: dict[str, Any] = {}


def _begin(robot: str, size: tuple[int, int], face_size: int) -> None:
    """Prepare a worker process; what fails is told with the first picture."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    os.environ.setdefault("MUJOCO_GL", "egl")
    # The software renderer's own threads gain nothing here: there is a process for every core.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    try:
        from mirror_robot.body.model import load_model
        from mirror_robot.simulation import Renderer, build_model

        body = load_model(robot)
        head = body.profile.chains.get("head")
        model = build_model(
            body.urdf, rest=dict(zip(body.joint_names, body.rest)),
            source=body.profile.description, head_link=head.links["link"] if head else "")
        _drawers["body"] = Renderer(model, *size)
        if body.profile.face:
            _drawers["face"] = Renderer(model, face_size, face_size, camera="face")
    except Exception as error:  # GL and MuJoCo raise what they please; the parent says it
        _drawers["problem"] = f"{type(error).__name__}: {error}"


def _draw(positions: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray | None] | str:
    if problem := _drawers.get("problem"):
        return problem
    face = _drawers["face"].render(positions) if "face" in _drawers else None
    return _drawers["body"].render(positions), face


class CannotDraw(RuntimeError):
    """There is no way to draw on this machine; says why."""


def robot_pictures(
    robot: str, poses: Sequence[Mapping[str, float]], size: tuple[int, int], face_size: int,
) -> Generator[tuple[np.ndarray, np.ndarray | None], None, None]:
    """Yield for each pose the robot (h, w, 3) and its face close up (s, s, 3), RGB uint8.

    Parameters
    ----------
    robot : str
        Name of a robot or path of a profile.
    poses : sequence of mappings joint -> position [rad or m]
    size : (w, h)
        Of the picture of the robot [px].
    face_size : int
        Of the square picture of its face [px]; None is yielded for a robot without face joints.

    Raises
    ------
    CannotDraw
        If nothing can be drawn; raised before the first picture.
    """
    processes = max(1, min(os.cpu_count() or 1, 4, len(poses)))
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _begin, (robot, size, face_size)) as pool:
        # A few ahead and no more: a finished picture takes a megabyte.
        ahead: deque[Any] = deque()
        for pose in poses:
            ahead.append(pool.apply_async(_draw, (pose,)))
            if len(ahead) > 4 * processes:
                yield _checked(ahead.popleft().get())
        while ahead:
            yield _checked(ahead.popleft().get())


def _checked(picture: tuple[np.ndarray, np.ndarray | None] | str,
             ) -> tuple[np.ndarray, np.ndarray | None]:
    if isinstance(picture, str):
        raise CannotDraw(picture)
    return picture
