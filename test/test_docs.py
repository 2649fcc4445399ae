# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The documentation says what is: its parameters, links, commands and launch arguments exist.

    MIRROR_ROBOT_UPDATE_DOCS=1 python -m pytest test/test_docs.py

writes docs/parameters.md anew.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
from pathlib import Path

import pytest

from mirror_robot.bringup.graph import CONTROL, MOCK, OPTIONS, RVIZ
from mirror_robot.console.main import COMMANDS, make_parser
from mirror_robot.nodes.parameters import Parameter

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
NODES = ("perception_node", "rep155_node", "mirror_node", "actuation_node", "simulation_node",
         "sharing_node", "viewer_node", "rviz_node")
_HEAD = """\
# Parameters

Of every node, as `ros2 param describe` tells them too. *live*: may be set while the node runs
(`ros2 param set`); all others are set at the start (`params_file:=`, `--ros-args -p`). A name that
does not exist and a value that cannot be are refused with the valid ones.
"""


def _value(parameter: Parameter) -> str:
    default = parameter.default
    if isinstance(default, str | list):
        return f"`{default}`" if default not in ("", [""]) else ""
    return str(default).lower() if isinstance(default, bool) else f"{default:g}"


def _range(parameter: Parameter) -> str:
    if parameter.choices:
        return ", ".join(f"`{choice}`" for choice in parameter.choices)
    if parameter.minimum is None and parameter.maximum is None:
        return ""
    low, high = (("" if end is None else f"{end:g}")
                 for end in (parameter.minimum, parameter.maximum))
    return f"{low} .. {high}"


def _parameter_page() -> str:
    text = _HEAD
    for node in NODES:
        table = importlib.import_module(f"mirror_robot.nodes.{node}").PARAMETERS
        text += (f"\n## {node}\n| parameter | default | unit | range | live | |\n"
                 "|---|---|---|---|---|---|\n")
        for parameter in table:
            text += (f"| `{parameter.name}` | {_value(parameter)} | {parameter.unit} | "
                     f"{_range(parameter)} | {'live' if parameter.changeable else ''} | "
                     f"{parameter.description} |\n")
    return text


def test_the_page_of_parameters_says_what_the_nodes_declare():
    path, text = ROOT / "docs/parameters.md", _parameter_page()
    if os.environ.get("MIRROR_ROBOT_UPDATE_DOCS"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, (
        "write it anew: MIRROR_ROBOT_UPDATE_DOCS=1 python -m pytest test/test_docs.py")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def _lines(page: Path) -> list[str]:
    """Return the lines of code of a page: of fenced and of indented blocks, and in backticks."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.S | re.M)
    indented = re.findall(r"^ {4,}(\S.*)$", text, re.M)
    inline = re.findall(r"`([^`\n]+)`", text)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line.strip().removesuffix("\\").strip() for line in (*lines, *indented, *inline)]


_COMMAND = re.compile(r"mirror_robot [a-z]|ros2 launch mirror_robot \w+\.launch\.py|make [a-z]")
COMMANDS_TOLD = sorted({(page.name, line) for page in PAGES for line in _lines(page)
                        if _COMMAND.match(line)})


@pytest.mark.parametrize(("page", "line"), COMMANDS_TOLD)
def test_every_command_that_is_told_is_understood(page, line):
    words = shlex.split(line, comments=True)
    words = words[:next((n for n, word in enumerate(words) if word in "&&;|>"), len(words))]
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        for target in (word for word in words[1:] if "=" not in word):
            assert re.search(rf"^{re.escape(target)}:", makefile, re.M), target
    elif words[0] == "ros2":
        file = ROOT / "launch" / words[3]
        names = {option.name for option in (*OPTIONS, RVIZ, MOCK, CONTROL)}
        names |= set(re.findall(r'"(\w+)"', file.read_text(encoding="utf-8")))
        for word in words[4:]:
            assert word.startswith("-") or word == "..." or word.split(":=")[0] in names, word
    else:
        own = words[1:words.index("--ros-args")] if "--ros-args" in words else words[1:]
        assert own[0] in COMMANDS
        if "[" not in line and len(own) > 1 and not own[1].isupper() and own[1] != "...":
            make_parser(own[0]).parse_args(own)


def test_the_readme_tells_every_subcommand_and_every_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"mirror_robot {name}" in readme or f"make {name}" in readme, name
    for page in (ROOT / "docs").glob("*.md"):
        assert f"docs/{page.name}" in readme, page.name
