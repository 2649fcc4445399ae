# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Command line: the subcommands, their help, and how they end.

Each subcommand is a module of this package with ``add_arguments(parser)`` and ``run(options)``,
which returns the exit code; its docstring describes it, and ``EXAMPLES``, if there, ends its help.
Only the one that is asked for is imported.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from mirror_robot import __version__
from mirror_robot.bringup.processes import end_on_signals

COMMANDS = {
    "demo": "play sample clips through the whole loop, with figures and a video",
    "run": "start the loop on a camera, a file or a topic until Ctrl-C",
    "perform": "ask the running robot for a movement, in words",
    "teach": "show a movement, name it, and the robot knows it",
    "repertoire": "list, show, rename, forget, export, import what the robot can do",
    "memory": "what is remembered of people: list, search, export, erase",
    "profile": "write a profile for a robot from its URDF",
    "report": "one page with pictures and figures of a demo or a bag",
    "evaluate": "how well labelled recordings are recognised",
    "bench": "run the benchmarks and keep their figures",
    "doctor": "check this machine and say what to do",
}

_EXAMPLES = """\
examples:
  mirror_robot demo                           play the sample clips through the whole loop
  mirror_robot demo --clip dancer --duration 10
  mirror_robot run                            webcam 0, simulated robot, disarmed
  mirror_robot run --source party.mp4 --mimic
  mirror_robot run --source topic:/camera/image_raw --sim none --robot my_robot.yaml
  mirror_robot perform "wave sadly"           ask the running robot for a movement
  mirror_robot memory search --mood joyful    what it remembers, if that is switched on
  mirror_robot teach victory                  learn a movement from what is seen
  mirror_robot repertoire list                what can it do?
  mirror_robot evaluate recordings.npz        how well does it recognise?
  mirror_robot report                         one page about the last demo, or a bag
  mirror_robot bench --list                   what is measured, and how?
  mirror_robot doctor                         is everything here that is needed?

exit codes: 0 fine, 1 something failed while running, 2 wrong use or input that cannot be used,
130 interrupted (Ctrl-C, SIGTERM) before it was done; `run`, which ends in no other way, gives 0
"""

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells have it."""


def make_parser(chosen: str = "") -> argparse.ArgumentParser:
    """Return the parser of the command line, with the options of the subcommand `chosen`."""
    parser = argparse.ArgumentParser(
        prog="mirror_robot",
        description="A robot that understands people by re-living what they do in its own body.",
        epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter)
        if name == chosen:
            module = importlib.import_module(f"mirror_robot.console.{name}")
            command.description = module.__doc__
            command.epilog = getattr(module, "EXAMPLES", None)
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code, see `_EXAMPLES`."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # argparse cannot leave a tail of options alone.
    cut = arguments.index("--ros-args") if "--ros-args" in arguments else len(arguments)
    own, ros_arguments = arguments[:cut], arguments[cut + 1:]
    parser = make_parser(next((word for word in own if not word.startswith("-")), ""))
    options = parser.parse_args(own)
    if ros_arguments and options.command != "run":
        parser.error("--ros-args belongs to `mirror_robot run`")
    options.ros_arguments = ros_arguments
    end_on_signals()
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # `mirror_robot repertoire list | head`: whoever read has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
