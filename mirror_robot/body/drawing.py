# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A picture of a robot with its chains coloured, as SVG: no renderer and no meshes are needed."""

from __future__ import annotations

from html import escape

import numpy as np
import pinocchio as pin

from mirror_robot.body.collision import capsules_of
from mirror_robot.body.model import RobotModel

_COLOURS = {"torso": "#8a6d3b", "head": "#c2185b", "left_arm": "#1565c0",
            "right_arm": "#2e7d32"}
_OTHER = "#b0b0b0"
_SIZE, _EDGE = 420, 30  # px


def draw_robot(model: RobotModel, positions: np.ndarray | None = None) -> str:
    """Return an SVG with the robot from the front and from its left side.

    Its parts are drawn as the capsules around their collision shapes (or, where those cannot be
    read, their inertias), in the colour of the chain that moves them; dots are the points of the
    human body that the profile names.

    Parameters
    ----------
    model : RobotModel
    positions : ndarray (n,), optional
        By default the rest posture.
    """
    positions = model.rest if positions is None else positions
    data = model.pin.createData()
    pin.forwardKinematics(model.pin, data, model.configuration(positions))
    chain_of = _chains_of_joints(model)
    parts = []
    for capsule in capsules_of(model):
        place = data.oMi[capsule.joint]
        ends = np.array([place.act(capsule.start), place.act(capsule.end)])
        parts.append((ends, capsule.radius, chain_of.get(capsule.joint)))
    places = model.points(positions)
    points = [(model.point(name, key), name) for name, chain in model.profile.chains.items()
              for key in chain.links]
    every = np.concatenate([np.array([places[point] for point, _ in points]),
                            *[ends for ends, *_ in parts]])
    low, high = every.min(axis=0) - 0.1, every.max(axis=0) + 0.1
    scale = (_SIZE - 2 * _EDGE) / (high - low).max()
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * _SIZE}" '
             f'height="{_SIZE + 60}" font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="white"/>']
    # Seen from the front, its left is on the right; seen from its left, its front is on the left.
    for column, (title, across) in enumerate((("from the front", [0.0, 1.0, 0.0]),
                                              ("from its left", [-1.0, 0.0, 0.0]))):
        depth = np.array([1.0, 0, 0]) if column == 0 else np.array([0, 1.0, 0])
        middle = 0.5 * (low + high)

        def flat(point, across=across, column=column, middle=middle):
            x = _SIZE * (column + 0.5) + scale * float((point - middle) @ np.array(across))
            return x, 0.5 * _SIZE - scale * float(point[2] - middle[2])

        lines.append(f'<text x="{_SIZE * column + _EDGE}" y="18">{escape(model.profile.name)} '
                     f'{title}</text>')
        for ends, radius, chain in sorted(parts, key=lambda part: float(
                part[0].mean(axis=0) @ depth)):
            (x1, y1), (x2, y2) = flat(ends[0]), flat(ends[1])
            lines.append(
                f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                f'stroke="{_COLOURS.get(chain, _OTHER)}" stroke-width="{2 * scale * radius:.1f}" '
                'stroke-linecap="round" stroke-opacity="0.45"/>')
        for point, _ in points:
            x, y = flat(places[point])
            lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="black">'
                         f'<title>{escape(point)}</title></circle>')
    for i, name in enumerate(model.profile.chains):
        x = _EDGE + 130 * i
        lines.append(f'<rect x="{x}" y="{_SIZE + 20}" width="14" height="14" '
                     f'fill="{_COLOURS[name]}"/><text x="{x + 20}" y="{_SIZE + 32}">'
                     f'{escape(name)}: {len(model.columns(name))} joints</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _chains_of_joints(model: RobotModel) -> dict[int, str]:
    """Return the chain of each joint of the tree that belongs to one."""
    own = {model.pin.getJointId(joint): name for name, chain in model.profile.chains.items()
           for joint in chain.joints}
    found = {}
    for joint in range(1, model.pin.njoints):
        above = joint
        while above and above not in own:
            above = int(model.pin.parents[above])
        if above:
            found[joint] = own[above]
    return found
