# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Command line: the subcommands, their options and their help."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mirror_robot import __version__
from mirror_robot.bringup.graph import OPTIONS, Option
from mirror_robot.bringup.processes import end_on_signals
from mirror_robot.console.memory import add_memory, run_memory
from mirror_robot.console.perform import add_perform, run_perform
from mirror_robot.console.profile import add_profile, run_profile

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
  mirror_robot doctor                         is everything here that is needed?

exit codes: 0 fine, 1 something failed while running, 2 wrong use
"""

_RUN_EXAMPLES = """\
The same nodes with the same parameters as `ros2 launch mirror_robot mirror.launch.py`, without the
launch packages. What follows --ros-args goes to every node; name a node to mean only that one:
  mirror_robot run --source 2 --ros-args -p perception_node:max_rate:=15.0 -r image:=/camera/image

To let a disarmed robot move, and to stop it:
  ros2 service call /actuation_node/enable std_srvs/srv/SetBool "{data: true}"
  ros2 service call /actuation_node/stop std_srvs/srv/Trigger
"""


def _add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    flag = "--" + option.name.replace("_", "-")
    if option.switch:
        parser.add_argument(
            flag, dest=option.name, action=argparse.BooleanOptionalAction,
            default=option.read(option.default), help=option.description)
        return
    parser.add_argument(
        flag, dest=option.name, default=option.default, choices=option.choices or None,
        metavar=None if option.choices else option.name.upper(),
        help=option.description + (f" (default: {option.default})" if option.default else ""))


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="mirror_robot",
        description="A robot that understands people by re-living what they do in its own body.",
        epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    demo = commands.add_parser(
        "demo", help="play sample clips through the whole loop, with figures and a video",
        description="Plays sample clips in real time through perception, mirror, actuation and a "
        "simulated robot over real ROS topics, tells what is understood, and makes a video of "
        "person and robot side by side.")
    demo.add_argument(
        "--clip", action="append", metavar="CLIP", dest="clips",
        help="single_face, WolfgangLanger, dancer, or a video file; may be given several times "
        "(default: the three)")
    demo.add_argument("--duration", type=float, metavar="S",
                      help="play only the first S seconds of each clip")
    demo.add_argument("--robot", default="kagami", help="robot profile (default: kagami)")
    demo.add_argument("--twin", action="store_true",
                      help="move like a twin, not like a reflection")
    demo.add_argument("--output", type=Path, default=Path("output/demo"), metavar="FOLDER",
                      help="where video, figures and logs go (default: output/demo)")
    demo.add_argument("--no-video", action="store_true", help="no side-by-side video")

    run = commands.add_parser(
        "run", help="start the loop on a camera, a file or a topic until Ctrl-C",
        description="Starts perception, mirror, actuation and the simulated robot, each as a "
        "process of its own, until Ctrl-C. A node that ends takes the others with it.",
        epilog=_RUN_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in OPTIONS:
        _add_option(run, option)

    add_perform(commands)
    add_memory(commands)
    add_profile(commands)

    teach = commands.add_parser(
        "teach", help="show a movement, name it, and the robot knows it",
        description="Learns a movement from what is seen on human/body (a running `mirror_robot "
        "run`, or a bag that is played), from a video or from a BVH file, and says what it will "
        "be confused with.")
    teach.add_argument("name", help="of the movement: lower-case letters, digits and _")
    teach.add_argument("--source", default="", metavar="FILE",
                       help="video or BVH file instead of what is seen live")
    teach.add_argument("--repetitions", type=int, default=3, metavar="N",
                       help="how often it will be shown live (default: 3)")
    teach.add_argument("--meaning", default="", help="what it does, for the narration")
    teach.add_argument("--robot", default="kagami", help="robot profile (default: kagami)")
    teach.add_argument("--file", default="", help="where it is kept (default: the user's own)")

    known = commands.add_parser(
        "repertoire", help="list, show, rename, forget, export, import what the robot can do",
        description="list | show NAME | rename NAME NEW | forget NAME | export FILE | import FILE")
    known.add_argument(
        "action", choices=("list", "show", "rename", "forget", "export", "import"))
    known.add_argument("name", nargs="?", default="", help="of a unit, or a file")
    known.add_argument("other", nargs="?", default="", help="the new name")
    known.add_argument("--robot", default="kagami", help="whose body to show (default: kagami)")
    known.add_argument("--output", default="", help="picture of show (default: NAME.png)")
    known.add_argument("--file", default="", help="what was taught (default: the user's own)")

    judge = commands.add_parser(
        "evaluate", help="how well labelled recordings are recognised",
        description="Learns from some recordings and recognises the others, frame by frame: "
        "accuracy against the fraction seen, calibration, unknown actions, confusions.")
    judge.add_argument("data", type=Path, help="folder LABEL/*.bvh, or npz with frames, offsets, "
                       "action, subject, action_names, joint_names")
    judge.add_argument("--robot", default="kagami", help="robot profile (default: kagami)")
    judge.add_argument("--output", type=Path, default=Path("output/evaluation"), metavar="FOLDER")

    doctor = commands.add_parser(
        "doctor", help="check this machine and say what to do",
        description="Checks Python, libraries, ROS, models, rendering, camera and robot profile.")
    doctor.add_argument("--robot", default="kagami", help="robot profile (default: kagami)")
    doctor.add_argument("--camera", default="0", metavar="DEVICE",
                        help="camera number or device (default: 0)")
    doctor.add_argument("--json", action="store_true", help="answer as JSON")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code (0 fine, 1 failed, 2 wrong use)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # argparse cannot leave a tail of options alone.
    cut = arguments.index("--ros-args") if "--ros-args" in arguments else len(arguments)
    own, ros_arguments = arguments[:cut], arguments[cut + 1:]
    parser = make_parser()
    options = parser.parse_args(own)
    if ros_arguments and options.command != "run":
        parser.error("--ros-args belongs to `mirror_robot run`")
    end_on_signals()
    try:
        if options.command == "run":
            from mirror_robot.console.run import run
            values = {option.name: getattr(options, option.name) for option in OPTIONS}
            return run(values, ros_arguments)
        if options.command == "demo":
            from mirror_robot.demo.play import run_demo
            return run_demo(
                clips=options.clips, duration=options.duration, robot=options.robot,
                mirror_image=not options.twin, output=options.output, video=not options.no_video)
        if options.command == "perform":
            return run_perform(options)
        if options.command == "memory":
            return run_memory(options)
        if options.command == "profile":
            return run_profile(options.urdf, options.name, options.output, options.force)
        if options.command == "teach":
            from mirror_robot.console.teach import teach
            return teach(options.name, options.source, options.repetitions, options.meaning,
                         options.robot, options.file)
        if options.command == "repertoire":
            from mirror_robot.console.repertoire import repertoire
            return repertoire(options.action, options.name, options.other, file=options.file,
                              robot=options.robot, output=options.output)
        if options.command == "evaluate":
            from mirror_robot.console.evaluate import evaluate
            return evaluate(options.data, options.robot, options.output)
        from mirror_robot.console.doctor import run_doctor
        return run_doctor(options.robot, options.camera, options.json)
    except KeyboardInterrupt:
        print("\nstopped")
        return 0
    except BrokenPipeError:
        # `mirror_robot repertoire list | head`: whoever read has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
