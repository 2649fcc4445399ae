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

from mirror_robot.motor.script import RepertoireError, read_scripts
from mirror_robot.motor.shown import Shown, load_shown, load_shown_or_last, save_shown, shown_path
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
    names = tuple(movement.name for movement in movements)
    raise RepertoireError(f"{name!r} was not taught; " + (
        choices(name, names) if names else "nothing was taught yet"))


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


def _show(name: str, movements: tuple[Shown, ...], robot: str, output: Path) -> None:
    """Draw a unit's movement in front view and its joints over time."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from mirror_robot.body.model import load_model
    from mirror_robot.motor.repertoire import load_repertoire

    model = load_model(robot)
    with Progress(f"binding the repertoire to {robot}") as progress:
        unit = load_repertoire(model, progress=progress.show)[name]
    figure, axes = plt.subplots(1, 6, figsize=(15, 3.2), layout="constrained")
    style = unit.styles[0]
    for axis, phase in zip(axes[:5], np.linspace(0, 1, 5)):
        q = style.positions(np.array([phase]))[0]
        points = model.points(np.where(np.isfinite(q), q, model.rest))
        for side in ("left", "right"):
            chain = model.profile.chains.get(f"{side}_arm")
            if chain is not None:
                line = np.array([points[link] for link in chain.links.values() if link in points])
                axis.plot(-line[:, 1], line[:, 2], "-o", markersize=3)
        axis.set(title=f"{phase * style.duration:.1f} s", aspect="equal", xticks=[], yticks=[],
                 xlim=(-0.9, 0.9), ylim=(0.2, 1.8))
    phases = np.linspace(0, 1, 60)
    axes[5].plot(phases * style.duration, style.positions(phases), linewidth=0.8)
    axes[5].set(xlabel="s", title="joints [rad]")
    figure.suptitle(f"{unit.name}: {unit.meaning}")
    figure.savefig(output)
    plt.close(figure)
    taught = any(movement.name == name for movement in movements)
    print(f"{unit.name}: {unit.meaning}; {'taught' if taught else 'built in'}, {unit.channel}, "
          f"styles {', '.join(s.name for s in unit.styles)}; picture in {output}")


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
        _show(name, movements, options.robot, Path(options.output or f"{name}.png"))
    elif action == "rename":
        old = _named(movements, name)
        if any(movement.name == other for movement in movements):
            raise RepertoireError(f"{other!r} exists already; forget it first")
        new = replace(old, name=other)
        save_shown(path, [new if movement is old else movement for movement in movements])
        print(f"{name} is {other} now")
    elif action == "forget":
        old = _named(movements, name)
        save_shown(path, [movement for movement in movements if movement is not old])
        print(f"forgot {name}")
    elif action == "export":
        save_shown(Path(name).expanduser(), movements)
        print(f"{len(movements)} movements written to {name}")
    else:
        new = load_shown(Path(name).expanduser())
        names = {movement.name for movement in new}
        kept = [movement for movement in movements if movement.name not in names]
        save_shown(path, [*kept, *new])
        print(f"{len(new)} movements taken in: {', '.join(sorted(names))}")
    return 0
