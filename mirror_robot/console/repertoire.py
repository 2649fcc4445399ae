# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What the robot can do and so recognise: built in, and taught.

list | show NAME | rename NAME NEW | forget NAME | export FILE | import FILE
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.motor.script import RepertoireError, read_scripts
from mirror_robot.motor.shown import (
    Shown,
    change_shown,
    check_name,
    load_shown,
    load_shown_or_last,
    save_shown,
    shown_path,
)
from mirror_robot.progress import Progress
from mirror_robot.resources import share_file
from mirror_robot.tables import choices

EXAMPLES = """\
examples:
  mirror_robot repertoire list
  mirror_robot repertoire list --json | jq '.[] | select(.taught) | .name'
  mirror_robot repertoire show wave_right --output wave.png
  mirror_robot repertoire rename victory cheer
  mirror_robot repertoire forget cheer
  mirror_robot repertoire export mine.npz
  mirror_robot repertoire import theirs.npz
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mirror_robot repertoire`."""
    parser.add_argument(
        "action", choices=("list", "show", "rename", "forget", "export", "import"))
    parser.add_argument("name", nargs="?", default="", help="of a unit, or a file")
    parser.add_argument("other", nargs="?", default="", help="the new name")
    parser.add_argument("--robot", default="kagami", help="whose body to show (default: kagami)")
    parser.add_argument("--output", default="", help="picture of show (default: NAME.png)")
    parser.add_argument("--file", default="", help="what was taught (default: the user's own)")
    parser.add_argument("--json", action="store_true", help="list as JSON")


def _named(movements: tuple[Shown, ...], name: str) -> Shown:
    for movement in movements:
        if movement.name == name:
            return movement
    if name in _built_in():
        raise RepertoireError(
            f"{name!r} is built in and stays: only what was taught can be renamed or forgotten; "
            f"`mirror_robot teach {name}` takes its place")
    names = tuple(movement.name for movement in movements)
    raise RepertoireError(f"{name!r} was not taught; " + (
        choices(name, names) if names else "nothing was taught yet"))


def _built_in() -> set[str]:
    return {script.name for script in read_scripts(share_file("config/repertoire.yaml"))}


def _list(movements: tuple[Shown, ...], as_json: bool) -> None:
    scripts = [script for script in read_scripts(share_file("config/repertoire.yaml"))
               if not script.background]
    if as_json:
        print(json.dumps([
            *({"name": script.name, "channel": script.channel, "taught": False,
               "meaning": script.meaning} for script in scripts),
            *({"name": movement.name, "channel": None, "taught": True,
               "meaning": movement.meaning, "demonstrations": len(movement.demonstrations)}
              for movement in movements)], indent=2, ensure_ascii=False))
        return
    for script in scripts:
        print(f"{script.name:24} {script.channel:5} built in  {script.meaning}")
    for movement in movements:
        print(f"{movement.name:24}       taught    {movement.meaning} "
              f"({len(movement.demonstrations)} times)")


def _show(name: str, path: Path, robot: str, output: Path) -> None:
    """Draw a unit's movement, as seen from the front and from its right, and its joints."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from mirror_robot.motor.repertoire import load_repertoire

    model = load_model(robot)
    with Progress(f"binding the repertoire to {robot}") as progress:
        unit = load_repertoire(model, taught=path, progress=progress.show)[name]
    taught = any(movement.name == name for movement in load_shown_or_last(path))
    style = unit.style()
    figure = plt.figure(figsize=(15, 6), layout="constrained")
    grid = figure.add_gridspec(2, 7)
    middle = np.mean([line[0, 2] for _, line in _lines(model, model.rest)] or [0.0])
    for column, phase in enumerate(np.linspace(0, 1, 5)):
        q = style.positions(np.array([phase]))[0]
        lines = _lines(model, np.where(np.isfinite(q), q, model.rest))
        for row, across in enumerate((1, 0)):
            axis = figure.add_subplot(grid[row, column])
            for colour, line in lines:
                axis.plot(line[:, across], line[:, 2], "-o", color=colour, markersize=3)
            axis.set(aspect="equal", xticks=[], yticks=[], xlim=(-0.9, 0.9),
                     ylim=(middle - 0.9, middle + 0.9))
            if row == 0:
                axis.set(title=f"{phase * style.duration:.1f} s")
            if column == 0:
                axis.set(ylabel="from the front" if row == 0 else "from its right")
    axis = figure.add_subplot(grid[:, 5:])
    phases = np.linspace(0, 1, 100)
    course = style.positions(phases) - model.rest
    turned = np.nan_to_num(np.abs(course)).max(axis=0)
    for joint in np.argsort(-turned)[:8]:
        if turned[joint] > 0.02:
            axis.plot(phases * style.duration, course[:, joint], label=model.joint_names[joint])
    axis.set(xlabel="s", title="joints from rest [rad]")
    axis.legend(fontsize="small")
    figure.suptitle(f"{unit.name}: {unit.meaning}")
    figure.savefig(output)
    plt.close(figure)
    print(f"{unit.name}: {unit.meaning}; {'taught' if taught else 'built in'}, {unit.channel}, "
          f"styles {', '.join(s.name for s in unit.styles)}; picture in {output}")


def _lines(model: RobotModel, positions: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return what to draw of a posture: colour and points (k, 3), front to the viewer."""
    points = {link: model.base.T @ place for link, place in model.points(positions).items()}
    chains = model.profile.chains
    arms = {side: np.array([points[link] for link in chains[f"{side}_arm"].links.values()
                            if link in points])
            for side in ("left", "right") if f"{side}_arm" in chains}
    lines = [("C0" if side == "left" else "C3", arm) for side, arm in arms.items()]
    middle = [np.mean([arm[0] for arm in arms.values()], axis=0)] if arms else []
    for part in ("torso", "head"):
        if part in chains:
            middle += [points[link] for link in chains[part].links.values() if link in points]
    if len(arms) == 2:
        lines.append(("0.4", np.array([arm[0] for arm in arms.values()])))
    if len(middle) > 1:
        lines.append(("0.4", np.array(sorted(middle, key=lambda place: place[2]))))
    return lines


def run(options: argparse.Namespace) -> int:
    """Carry out the action; return the exit code.

    Raises
    ------
    RepertoireError
        If a name is not known, or a file is damaged: nothing is changed then.
    """
    action, name, other = options.action, options.name, options.other
    path = Path(options.file).expanduser() if options.file else shown_path()
    if action != "list" and not name:
        raise RepertoireError(f"repertoire {action} needs "
                              + ("a file" if action in ("export", "import") else "a name"))
    if action == "rename" and not other:
        raise RepertoireError(f"repertoire rename {name} needs the new name")
    if options.json and action != "list":
        raise RepertoireError("--json goes with `repertoire list`")
    movements = load_shown_or_last(path)
    if action == "list":
        _list(movements, options.json)
    elif action == "show":
        _show(name, path, options.robot, Path(options.output or f"{name}.png"))
    elif action == "rename":
        _named(movements, name)
        check_name(other)
        if other in _built_in() | {movement.name for movement in movements}:
            raise RepertoireError(f"there is {other!r} already; choose another name")
        change_shown(path, lambda kept: [
            replace(one, name=other) if one.name == name else one for one in kept])
        print(f"{name} is {other} now")
    elif action == "forget":
        _named(movements, name)
        change_shown(path, lambda kept: [one for one in kept if one.name != name])
        print(f"forgot {name}")
    elif action == "export":
        save_shown(Path(name).expanduser(), movements)
        print(f"{len(movements)} movements written to {name}")
    else:
        new = load_shown(Path(name).expanduser())
        names = {movement.name for movement in new}
        replaced = sorted(names & {movement.name for movement in movements})
        change_shown(path, lambda kept: [*(one for one in kept if one.name not in names), *new])
        print(f"{len(new)} movements taken in: {', '.join(sorted(names))}"
              + (f"; in the place of the own: {', '.join(replaced)}" if replaced else ""))
    return 0
