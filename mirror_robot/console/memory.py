# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What the robot remembers of people, if remembering is switched on (``remember:=true``).

It is kept in one file on this machine and nowhere else.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from mirror_robot.mirror.memory import Episode, Memory

EXAMPLES = """\
examples:
  mirror_robot memory list
  mirror_robot memory search wave --mood joyful --days 7
  mirror_robot memory search --important --limit 3 --json
  mirror_robot memory recall --person anna --mood joyful      when was she last so happy?
  mirror_robot memory export --output everything.jsonl
  mirror_robot memory erase --person anna
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mirror_robot memory`."""
    parser.add_argument("--file", default=None, metavar="FILE",
                        help="the memory (default: MIRROR_ROBOT_MEMORY, or below ~/.local/share)")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    shown = actions.add_parser("list", help="where it is kept, and of whom there is how much")
    shown.add_argument("--json", action="store_true", help="as JSON; times in s since 1970")
    search = actions.add_parser("search", help="episodes, the newest first")
    search.add_argument("words", nargs="*", help="that must occur")
    search.add_argument("--person", default="", help="of this person only")
    search.add_argument("--mood", default="", help="in this mood only, such as joyful")
    search.add_argument("--days", type=float, default=None, help="of the last so many days only")
    search.add_argument("--limit", type=int, default=20, help="at most so many (default: 20)")
    search.add_argument("--important", action="store_true", help="the most important first")
    search.add_argument("--json", action="store_true", help="as JSON; times in s since 1970")
    recall = actions.add_parser("recall", help="what comes to mind first of what fits: the more "
                                "it moved and the later it was; recalling keeps it longer")
    recall.add_argument("words", nargs="*", help="that must occur")
    recall.add_argument("--person", default="", help="of this person only")
    recall.add_argument("--mood", default="", help="in this mood only, such as joyful")
    recall.add_argument("--json", action="store_true", help="as JSON; times in s since 1970")
    export = actions.add_parser("export", help="everything, as lines of JSON")
    export.add_argument("--output", type=Path, default=None, help="file (default: print it)")
    erase = actions.add_parser("erase", help="erase a person or everything, leaving no trace")
    erase.add_argument("--person", default=None, help="erase this person")
    erase.add_argument("--all", action="store_true", help="erase everything")


def run(options: argparse.Namespace) -> int:
    """Do what the options say; return the exit code.

    Raises
    ------
    ValueError
        If it is not said what to erase.
    MemoryStoreError
        If there is no memory, or it cannot be used.
    """
    if options.action == "erase" and bool(options.person) == options.all:
        raise ValueError("say what to erase: --person NAME, or --all")
    with Memory(options.file, create=False) as memory:
        if options.action == "list":
            if options.json:
                people = [{"person": person, "episodes": count, "last": last}
                          for person, count, last in memory.people()]
                print(json.dumps({"file": str(memory.path), "episodes": len(memory),
                                  "people": people}, indent=2, ensure_ascii=False))
                return 0
            print(f"{len(memory)} episodes in {memory.path}")
            for person, count, last in memory.people():
                print(f"  {person:20s} {count:6d}   last {_when(last)}")
        elif options.action == "search":
            since = -float("inf") if options.days is None else time.time() - 86400 * options.days
            found = memory.search(
                " ".join(options.words), person=options.person, mood=options.mood, since=since,
                limit=options.limit, important_first=options.important)
            if options.json:
                print(json.dumps([asdict(episode) for episode in found], indent=2,
                                 ensure_ascii=False))
                return 0
            for episode in found:
                print(_line(episode))
            if not found:
                print("nothing is remembered that fits")
        elif options.action == "recall":
            episode = memory.recall(
                " ".join(options.words), person=options.person, mood=options.mood)
            if options.json:
                print(json.dumps(None if episode is None else asdict(episode), indent=2,
                                 ensure_ascii=False))
            else:
                print("nothing is remembered that fits" if episode is None else _line(episode))
        elif options.action == "export":
            lines = memory.export()
            if options.output is None:
                for line in lines:
                    print(line)
            else:
                with options.output.open("w", encoding="utf-8") as stream:
                    stream.writelines(f"{line}\n" for line in lines)
                print(f"{len(memory)} episodes written to {options.output}")
        else:
            count = memory.erase(None if options.all else options.person)
            print(f"{count} episodes erased from {memory.path}")
    return 0


def _when(stamp: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(stamp))


def _line(episode: Episode) -> str:
    done = " ".join(filter(None, (episode.action, episode.intention and f"({episode.intention})")))
    return (f"{_when(episode.end)}  {episode.person}: {done or 'is there'}, {episode.mood}; "
            f"importance {episode.importance:.2f}"
            + (f'\n    "{episode.sentence}"' if episode.sentence else ""))
