# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A first profile for any robot: which part of a description is which, from names and kinematics.

Names say which branch is the left arm and which the head; where they are silent, the shape does:
two branches that mirror each other, the higher ones the arms. Kinematics say which way the robot
looks (its left arm is on its left), where shoulder, elbow and wrist are, and how it rests.
What had to be guessed is told, for a person to check.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pinocchio as pin
import yaml

from mirror_robot.body.collision import SelfCollision
from mirror_robot.body.description import (
    DescriptionError,
    kinematic_text,
    mimics,
    parse_description,
    read_description,
)
from mirror_robot.body.model import RobotModel
from mirror_robot.body.profile import RobotProfile, load_profile
from mirror_robot.body.retargeting import Retargeter, RobotPosture
from mirror_robot.human.hands import FINGERS
from mirror_robot.human.posture import SIDES, HumanPosture

_ARM = re.compile(r"arm|shoulder|elbow|wrist|humer|clavic|collar|hand|^[lr]?_?(left|right)?_?[sew]"
                  r"\d$", re.I)
_HEAD = re.compile(r"head|neck", re.I)
_LEG = re.compile(r"leg|hip|knee|ankle|foot|toe|thigh|shin|calf|wheel|caster|track", re.I)
_HAND_PART = re.compile(r"finger|thumb|gripper|index|middle|ring|pinky|little|palm|knuckle|tip"
                        r"|grasp|[lr]?hand$", re.I)
_NOT_BODY = re.compile(r"(?<![a-z])(eye|brow|lid|jaw|lip|mouth|ear|antenna|camera|tongue)", re.I)
_LINKAGE = re.compile(r"passive|stewart|closing|parallel", re.I)
_TIP = re.compile(r"tip|tcp|tool|grasp|gripper|hand|palm|finger|thumb|end_?effector|ee", re.I)


@dataclass(frozen=True)
class Discovery:
    """What was found in a description.

    Attributes
    ----------
    profile_yaml : str
        A profile that loads, to be read and corrected.
    notes : tuple of str
        What was recognised, and, beginning with ``unsure:``, what was guessed.
    """

    profile_yaml: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Joint:
    name: str
    kind: str
    parent: str
    child: str
    origin: np.ndarray  # (3,) in the root frame, all joints at 0
    axis: np.ndarray    # (3,)
    lower: float
    upper: float

    @property
    def turns(self) -> bool:
        return self.kind in ("revolute", "continuous")


class _Tree:
    """The joints of a description, placed with all of them at zero."""

    def __init__(self, robot: ElementTree.Element) -> None:
        follows = mimics(robot)
        try:
            model = pin.buildModelFromXML(kinematic_text(robot))
        except Exception as error:  # Pinocchio raises what its parser raises
            raise DescriptionError(f"{robot.get('name')}: {error}") from None
        data = model.createData()
        low, high = model.lowerPositionLimit, model.upperPositionLimit
        zero = np.clip(pin.neutral(model), low, high)
        pin.framesForwardKinematics(model, data, zero)
        self.points = {frame.name: data.oMf[i].translation.copy()
                       for i, frame in enumerate(model.frames)}
        self.rotations = {frame.name: data.oMf[i].rotation.copy()
                          for i, frame in enumerate(model.frames)}
        self.above: dict[str, _Joint] = {}
        self.below: dict[str, list[_Joint]] = {}
        self.driven: set[str] = set()
        self.linkage: list[str] = []
        for element in robot.findall("joint"):
            name, child = element.get("name"), element.find("child").get("link")
            kind = element.get("type")
            axis = element.find("axis")
            axis = np.array([1.0, 0, 0] if axis is None
                            else [float(n) for n in axis.get("xyz").split()])
            limit = element.find("limit")
            joint = _Joint(
                name, kind, element.find("parent").get("link"), child, self.points[child],
                self.rotations[child] @ axis / max(np.linalg.norm(axis), 1e-9),
                *(float(limit.get(end, 0)) if limit is not None else 0.0
                  for end in ("lower", "upper")))
            self.above[child] = joint
            self.below.setdefault(joint.parent, []).append(joint)
            if kind not in ("revolute", "continuous", "prismatic"):
                continue
            if _LINKAGE.search(name):
                self.linkage.append(name)
            elif name not in follows:
                self.driven.add(name)
        self.masses = {link.get("name"): np.array([float(n) for n in origin.get(
            "xyz", "0 0 0").split()]) for link in robot.findall("link")
            if (origin := link.find("inertial/origin")) is not None}
        self.root = next(link.get("name") for link in robot.findall("link")
                         if link.get("name") not in self.above)

    def path(self, link: str) -> list[_Joint]:
        """Return the joints from the root to `link`."""
        joints = []
        while link in self.above:
            joints.append(self.above[link])
            link = joints[-1].parent
        return joints[::-1]

    def subtree(self, link: str) -> list[str]:
        """Return `link` and all links that hang on it."""
        found, queue = [], [link]
        while queue:
            found.append(queue.pop())
            queue += [joint.child for joint in self.below.get(found[-1], [])]
        return found


def _side(name: str) -> str | None:
    """Return the side that a name speaks of."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    words = re.sub(r"^([LR])([A-Z])", r"\1_\2", words).lower()
    for word in re.split(r"[^a-z]+", words):
        if word in ("l", "left"):
            return "left"
        if word in ("r", "right"):
            return "right"
    for side in SIDES:
        if side in words:
            return side
    return None


def discover_profile(urdf_path: str | Path, name: str | None = None) -> Discovery:
    """Return a profile for the robot that a URDF, xacro or MJCF file describes.

    Parameters
    ----------
    urdf_path : str or Path
    name : str, optional
        Of the robot; by default as in the description.

    Raises
    ------
    DescriptionError
        If the description is unusable, or if neither arm nor head is found in it.
    """
    path = Path(urdf_path).expanduser()
    text = read_description(path)
    robot = parse_description(text, str(path))
    tree = _Tree(robot)
    notes: list[str] = []
    name = name or robot.get("name") or path.stem
    content: dict = {"name": name, "description": {"file": str(path.resolve())}}

    arms = {side: joints for side in SIDES if (joints := _arm(tree, side))}
    if not arms:
        arms = _arms_by_shape(tree)
        if arms:
            notes.append("unsure: no name speaks of arms; two branches that mirror each other "
                         "were taken for them")
    head = _head(tree)
    top = _head_link(tree) if not head else None
    if tree.linkage:
        notes.append(f"unsure: a parallel linkage was left alone: {', '.join(tree.linkage)}; "
                     "chains.head.legs describes one with six legs")
    if not arms and not head and top is None:
        raise DescriptionError(f"{path}: found neither arms nor a head among its joints: "
                               f"{', '.join(sorted(tree.driven)) or 'it has none'}")
    content |= _facing(tree, arms, notes)
    base = _base(content)

    chains: dict = {}
    torso = _torso(tree, arms, head, top, notes)
    if torso:
        chains["torso"] = torso
    if head:
        chains["head"] = {"joints": [joint.name for joint in head], "link": head[-1].child}
        notes.append(f"head: {', '.join(chains['head']['joints'])}")
    else:
        notes.append("no neck: the torso, if any, will turn where the person's head turns")
    for side, joints in arms.items():
        chains[f"{side}_arm"] = _points(tree, side, joints, notes)
    if len(arms) == 1:
        notes.append(f"only one arm ({next(iter(arms))})")
    if not torso:
        notes.append("no waist that turns the arms")
    content["chains"] = chains

    used = {joint for chain in chains.values() for joint in chain["joints"]}
    fingers = _fingers(tree, arms, used, notes)
    if fingers:
        content["fingers"] = fingers
        used |= {joint for joints in fingers.values() for joint in joints}
    left_alone = sorted(tree.driven - used)
    if left_alone:
        notes.append(f"left alone ({len(left_alone)}): {', '.join(left_alone)}")
    _fill_in(content, path, text, base, notes)
    return Discovery(_text(content, notes), tuple(notes))


def _arm(tree: _Tree, side: str) -> list[_Joint]:
    """Return the driven joints of one arm, found by name, from the trunk outwards."""
    def belongs(joint: _Joint) -> bool:
        label = joint.name
        return (joint.name in tree.driven and joint.turns and _side(label) == side
                and bool(_ARM.search(label)) and not _LEG.search(label)
                and not _NOT_BODY.search(label))

    candidates = [joint for joint in tree.above.values()
                  if belongs(joint) and not _HAND_PART.search(joint.name)]
    if not candidates:
        return []
    best = max((sum(belongs(on) and not _HAND_PART.search(on.name)
                    for on in tree.path(joint.child)), -len(tree.path(joint.child)), joint.name)
               for joint in candidates)
    last = next(joint for joint in candidates if joint.name == best[2])
    return [joint for joint in tree.path(last.child)
            if belongs(joint) and not _HAND_PART.search(joint.name)]


def _arms_by_shape(tree: _Tree) -> dict[str, list[_Joint]]:
    """Return the highest pair of chains of 3 to 8 turning joints on opposite sides of y = 0."""
    chains = []
    for link in tree.points:
        if link in tree.above and not any(
                joint.turns and joint.name in tree.driven
                for below in tree.subtree(link) for joint in tree.below.get(below, [])):
            joints = [joint for joint in tree.path(link)
                      if joint.turns and joint.name in tree.driven]
            own = [joint for joint in joints if abs(joint.origin[1]) > 0.02]
            if 3 <= len(own) <= 8 and own[-1].child == link and not any(
                    _LEG.search(joint.name) for joint in own):
                chains.append(own)
    chains.sort(key=lambda joints: -joints[0].origin[2])
    for i, first in enumerate(chains):
        for second in chains[i + 1:]:
            if len(first) == len(second) and np.allclose(
                    first[-1].origin * [1, -1, 1], second[-1].origin, atol=0.02):
                left = first if first[0].origin[1] > 0 else second
                return {"left": left, "right": second if left is first else first}
    return {}


def _head(tree: _Tree) -> list[_Joint]:
    joints = [joint for joint in tree.above.values()
              if joint.name in tree.driven and joint.turns and _HEAD.search(joint.name)
              and not _NOT_BODY.search(joint.name)]
    if not joints:
        return []
    last = max(joints, key=lambda joint: len(tree.path(joint.child)))
    return [joint for joint in tree.path(last.child) if joint in joints]


def _head_link(tree: _Tree) -> str | None:
    """Return the link called head, where no joint is."""
    names = sorted((name for name in tree.above if _HEAD.search(name)), key=len)
    return names[0] if names else None


def _facing(tree: _Tree, arms: dict[str, list[_Joint]], notes: list[str]) -> dict:
    """Return the keys `forward` and `up` where they differ from the usual +x and +z."""
    if len(arms) < 2:
        return {}
    left = arms["left"][0].origin - arms["right"][0].origin
    if np.linalg.norm(left) < 1e-3:
        left = arms["left"][-1].origin - arms["right"][-1].origin
    left = left / np.linalg.norm(left)
    axis = int(np.abs(left).argmax())
    if abs(left[axis]) < 0.98:
        notes.append("unsure: the line between the shoulders is along no axis of the root link; "
                     "check `forward`")
    if axis == 1 and left[1] > 0:
        return {}
    if axis == 2:
        notes.append("unsure: the line between the shoulders is vertical in the root link's "
                     "frame; check `forward` and `up`")
        return {"forward": [1, 0, 0], "up": [0, -1 if left[2] > 0 else 1, 0]}
    forward = np.round(np.cross(np.eye(3)[axis] * np.sign(left[axis]), [0, 0, 1])).astype(int)
    notes.append(f"the robot looks along {forward.tolist()} of its root link")
    return {"forward": forward.tolist()}


def _base(content: dict) -> np.ndarray:
    forward = np.array(content.get("forward", [1, 0, 0]), float)
    up = np.array(content.get("up", [0, 0, 1]), float)
    return np.array([forward, np.cross(up, forward), up])


def _torso(
    tree: _Tree, arms: dict[str, list[_Joint]], head: list[_Joint],
    top: str | None, notes: list[str],
) -> dict | None:
    """Return the chain that carries both arms (or the arm, or the head)."""
    ends = [joints[0].parent for joints in arms.values()] or [head[0].parent if head else top]
    paths = [tree.path(link) for link in ends]
    shared = [joint for joint in paths[0] if all(joint in path for path in paths)]
    own = [joint for joint in shared if joint.turns and joint.name in tree.driven
           and joint not in head]
    legs = [joint for joint in own if re.search(r"knee|ankle|foot|wheel|leg", joint.name, re.I)]
    joints = [joint for joint in own if joint not in legs]
    if legs:
        notes.append(f"left alone below the waist: {', '.join(joint.name for joint in legs)}")
    for joint in shared:
        if joint.kind == "prismatic" and joint.name in tree.driven:
            notes.append(f"left alone: {joint.name}, which lifts the trunk")
    if not joints:
        return None
    if any(re.search("hip", joint.name, re.I) for joint in joints):
        notes.append("unsure: the torso is moved by joints named after the hip")
    notes.append(f"torso: {', '.join(joint.name for joint in joints)}")
    link = joints[-1].child
    return {"joints": [joint.name for joint in joints], "link": link}


def _points(
    tree: _Tree, side: str, joints: list[_Joint], notes: list[str],
) -> dict:
    """Return the chain of an arm: its joints, and the links at shoulder, elbow, wrist and tip."""
    origins = np.array([joint.origin for joint in joints])
    axes = np.array([joint.axis for joint in joints])
    tip, tip_link, offset = _tip(tree, joints[-1])
    # The shoulder: among the first joints the one nearest to all their axes.
    group = min(3, max(len(joints) - 1, 1))
    shift = origins[:group, None] - origins[None, :group]
    across = np.linalg.norm(np.cross(shift, axes[None, :group]), axis=2).max(axis=1)
    shoulder = int(across.argmin())
    # The elbow: a joint that bends the arm, near the middle between shoulder and wrist.
    reach = np.linalg.norm(tip - origins[shoulder])
    best = None
    for i in range(1, len(joints)):
        upper = origins[i] - origins[shoulder]
        length = np.linalg.norm(upper)
        lower = np.linalg.norm(tip - origins[i])
        if length < 0.15 * reach or lower < 0.15 * reach:
            continue
        bends = 1.0 - abs(axes[i] @ upper) / length
        middle = 1.0 - abs(length - 0.45 * reach) / reach
        named = 0.3 * bool(re.search("elbow|forearm|_e[01]|lower_?arm", joints[i].name, re.I))
        score = bends + middle + named + 0.05 * (i >= 2)
        if best is None or score > best[0]:
            best = (score, i)
    if best is None:
        raise DescriptionError(f"the {side} arm ({', '.join(j.name for j in joints)}) has no "
                               "joint between shoulder and hand that could be its elbow")
    elbow = best[1]
    if best[0] < 1.2:
        notes.append(f"unsure: the {side} elbow; {joints[elbow].name} was taken")
    # The wrist: beyond the elbow, the first joint far from it that bends the hand; otherwise the
    # last joint, or the tip.
    rest = [i for i in range(elbow + 1, len(joints))
            if np.linalg.norm(origins[i] - origins[elbow]) > 0.12 * reach]
    bending = [i for i in rest if abs(axes[i] @ (origins[i] - origins[elbow]))
               < 0.5 * np.linalg.norm(origins[i] - origins[elbow])]
    chain: dict = {"joints": [joint.name for joint in joints],
                   "shoulder": joints[shoulder].child, "elbow": joints[elbow].child}
    if bending:
        chain["wrist"] = joints[bending[0]].child
        if np.linalg.norm(tip - origins[bending[0]]) < 0.01:
            tip_link = offset = None
    elif rest:
        chain["wrist"] = joints[rest[-1]].child
        tip_link = offset = None
    else:
        chain["wrist"], tip_link = tip_link, None
    if offset is not None:
        key = "wrist" if chain["wrist"] == chain["elbow"] else "tip"
        chain[key] = joints[-1].child
        chain["offsets"] = {key: offset}
        notes.append(f"unsure: no link shows where the {side} hand ends; {offset} m from "
                     f"{joints[-1].child} was taken, twice as far as its centre of mass")
    elif tip_link is not None and tip_link != chain["wrist"]:
        chain["tip"] = tip_link
    else:
        notes.append(f"the {side} hand cannot be bent, or nothing shows where it points: "
                     "it follows the forearm")
    notes.append(f"{side} arm, {len(joints)} joints: shoulder {chain['shoulder']}, elbow "
                 f"{chain['elbow']}, wrist {chain['wrist']}"
                 + (f", tip {chain['tip']}" if "tip" in chain else ""))
    return chain


def _tip(tree: _Tree, last: _Joint) -> tuple[np.ndarray, str, list[float] | None]:
    """Return where the hand ends, its link, and where in the link if not at its origin.

    The farthest link of the hand, preferring telling names; without any, twice as far as the last
    link's centre of mass.
    """
    links = tree.subtree(last.child)
    away = {link: np.linalg.norm(tree.points[link] - last.origin) for link in links}
    middle = [link for link in links if re.search("middle|index|mid", link, re.I)]
    named = [link for link in links if _TIP.search(link)]
    for group in (middle, named, links):
        if group and max(away[link] for link in group) > 0.02:
            best = max(group, key=lambda link: away[link])
            return tree.points[best], best, None
    mass = tree.masses.get(last.child, np.zeros(3))
    if np.linalg.norm(mass) > 0.03:
        offset = [round(2 * float(value), 3) for value in mass]
        return last.origin + tree.rotations[last.child] @ offset, last.child, offset
    return last.origin, last.child, None


def _fingers(
    tree: _Tree, arms: dict[str, list[_Joint]], used: set[str], notes: list[str],
) -> dict[str, dict[str, dict]]:
    """Return the driven joints of the hands, open at the end of their range nearer to 0."""
    found = {}
    for side, joints in arms.items():
        own = [joint for link in tree.subtree(joints[-1].child)
               for joint in tree.below.get(link, [])
               if joint.name in tree.driven and joint.name not in used]
        for joint in own:
            ends = sorted((joint.lower, joint.upper), key=abs)
            finger: dict[str, Any] = {"open": round(ends[0], 4), "closed": round(ends[1], 4)}
            named = [name for name in FINGERS if name in joint.name.lower()]
            if named or re.search("little", joint.name, re.I):
                finger["follows"] = named or ["pinky"]
            found.setdefault(side, {})[joint.name] = finger
        if own:
            notes.append(f"unsure: which end of their range opens the {side} fingers: "
                         f"{', '.join(joint.name for joint in own)}")
    return found


def _fill_in(
    content: dict, path: Path, text: str, base: np.ndarray, notes: list[str],
) -> None:
    """Add palms, rest posture, velocity cap and controller to the profile `content`."""
    chains = content["chains"]
    content["limits"] = {"velocity": 30.0}
    model = _model(content, path, text)
    if (model.velocity < 20.0).all():
        del content["limits"]
    else:
        content["limits"] = {"velocity": 6.0}
        notes.append("unsure: the description has no sensible velocity limits for some joints; "
                     "6 rad/s is put down as the cap")
    model = _model(content, path, text)
    posture, collisions = _rest(model)
    if collisions is not None:
        notes.append(f"unsure: at rest {collisions}; it may rest better otherwise")
    rest = {joint: round(float(posture.positions[i]), 2)
            for i, joint in enumerate(model.joint_names)
            if np.isfinite(posture.positions[i]) and abs(posture.positions[i]) > 0.02
            and joint not in chains.get("torso", {}).get("joints", [])
            and joint not in chains.get("head", {}).get("joints", [])}
    for limb, angle in posture.residual.items():
        if angle > 0.35 and not limb.endswith("hand"):
            notes.append(f"unsure: {limb} misses the hanging posture by "
                         f"{np.degrees(angle):.0f} degrees; check its links")
    if rest:
        content["rest"] = rest
    # At rest the palms face the thighs: the wrist link's axis that is nearest to inward.
    places = model.kinematics(posture.positions)
    for side in SIDES:
        chain = chains.get(f"{side}_arm")
        if chain is None or len(chain["joints"]) < 5:
            continue
        inward = np.array([0.0, -1.0 if side == "left" else 1.0, 0.0])
        local = places.rotation(chain["wrist"]).T @ inward
        axis = int(np.abs(local).argmax())
        chain["palm_axis"] = [int(value) for value in
                              np.eye(3)[axis] * np.sign(local[axis])]
        notes.append(f"unsure: the {side} palm; taken to face inward at rest, along "
                     f"{chain['palm_axis']} of {chain['wrist']}")
    joints = [joint for chain in chains.values() for joint in chain["joints"]]
    content["controllers"] = {"upper_body_controller": joints}
    notes.append("unsure: the controllers' names; put down those that your robot starts")


def _rest(model: RobotModel) -> tuple[RobotPosture, str | None]:
    """Return a posture with hanging arms, and which links overlap in it, if any do.

    The elbows are a little bent. Arms that would hang into the robot are spread until they clear.
    """
    collision = SelfCollision(model)
    found = []
    for out in (0.12, 0.3, 0.5, 0.8):
        bent = HumanPosture.standing()
        for row, side in ((0, out), (3, -out)):
            bent.limbs[row] = [0.0, side, -1.0]
            bent.limbs[row + 1:row + 3] = [0.25, side, -1.0]
        bent.limbs[:] /= np.linalg.norm(bent.limbs, axis=1, keepdims=True)
        retargeter = Retargeter(model, avoid_collisions=False)
        for _ in range(60):
            posture = retargeter.retarget(replace(bent, palms=np.full((2, 3), np.nan)))
        distances = collision.distances(posture.positions)
        found.append((float(distances.min(initial=1.0)), posture))
        if found[-1][0] > -0.02:
            return posture, None
    deep, posture = max(found, key=lambda entry: entry[0])
    first, second, _ = collision.closest_pair(posture.positions)
    return posture, f"{first} and {second} overlap by {-100 * deep:.0f} cm"


def _model(content: dict, path: Path, text: str) -> RobotModel:
    profile = _load(content)
    return RobotModel(replace(profile, description=path), text)


def _load(content: dict) -> RobotProfile:
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "profile.yaml"
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        return load_profile(file)


def _flow(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False).strip(
        ).removesuffix("\n...").strip()


def _wrapped(prefix: str, items: Sequence[str], ends: str = "[]") -> list[str]:
    """Return the lines of a flow list, wrapped."""
    lines, line = [], prefix + ends[0]
    for i, item in enumerate(items):
        piece = item + (", " if i + 1 < len(items) else ends[1])
        if len(line) + len(piece.rstrip()) > 98:
            lines.append(line.rstrip())
            line = " " * len(prefix + ends[0])
        line += piece
    return [*lines, line.rstrip()]


def _text(content: dict, notes: Sequence[str]) -> str:
    """Return the profile as YAML that is good to read."""
    lines = [f"# {content['name']}: a first profile, to be checked.",
             *(f"# {note}" for note in notes if note.startswith("unsure:")),
             f"name: {_flow(content['name'])}", f"description: {_flow(content['description'])}"]
    lines += [f"{key}: {_flow(content[key])}" for key in ("forward", "up") if key in content]
    lines += ["", "chains:  # from the trunk outwards; the links at which the points of the "
              "human body sit"]
    for name, chain in content["chains"].items():
        lines.append(f"  {name}:")
        lines += _wrapped("    joints: ", chain["joints"])
        lines += [f"    {key}: {_flow(value)}" for key, value in chain.items() if key != "joints"]
    if "fingers" in content:
        lines += ["", "fingers:"]
        for side, joints in content["fingers"].items():
            lines.append(f"  {side}:")
            lines += [f"    {joint}: {_flow(finger)}" for joint, finger in joints.items()]
    if "rest" in content:
        lines += ["", "rest:  # [rad]; joints not named rest at 0"]
        lines += _wrapped("  ", [f"{joint}: {value}" for joint, value in content["rest"].items()],
                          "{}")
    if "limits" in content:
        lines += ["", f"limits: {_flow(content['limits'])}"]
    lines += ["", "controllers:"]
    for name, joints in content["controllers"].items():
        lines.append(f"  {name}:")
        lines += _wrapped("    ", joints)
    return "\n".join(lines) + "\n"
