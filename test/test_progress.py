# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Progress bars, and what the console answers to scripts."""

from __future__ import annotations

import io
import json

import pytest

from mirror_robot.console.main import COMMANDS, main, make_parser
from mirror_robot.mirror.memory import Episode, Memory
from mirror_robot.progress import Progress


class Terminal(io.StringIO):
    """A text stream that is a terminal."""

    def isatty(self) -> bool:
        """Return that it is."""
        return True


def test_a_bar_grows_on_a_terminal_and_is_gone_at_the_end():
    stream = Terminal()
    with Progress("fetching", stream) as bar:
        for done in range(0, 11):
            bar.show(done, 10)
    shown = stream.getvalue().split("\r")
    filled = [line.count("#") for line in shown if "fetching" in line]
    assert filled == sorted(filled) and filled[0] == 0 and filled[-1] == 30
    assert "100 %" in shown[-2] and shown[-1] == "\033[K"


def test_without_a_terminal_a_line_is_printed_at_every_quarter_only():
    stream = io.StringIO()
    with Progress("fetching", stream) as bar:
        for done in range(1001):
            bar.show(done, 1000)
    assert stream.getvalue().splitlines() == [
        f"fetching: {share} %" for share in (25, 50, 75, 100)]


def test_a_line_stands_above_the_bar_and_a_bar_that_is_interrupted_is_taken_away(capsys):
    stream = Terminal()
    with pytest.raises(KeyboardInterrupt), Progress("playing", stream) as bar:
        bar.show(1, 2)
        bar.line("somebody waves")
        raise KeyboardInterrupt
    assert capsys.readouterr().out == "somebody waves\n"
    assert stream.getvalue().endswith("\r\033[K")


def test_nothing_to_do_is_done_at_once():
    stream = Terminal()
    Progress("nothing", stream).show(0, 0)
    assert "100 %" in stream.getvalue()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_subcommand_has_examples_that_are_understood(name, capsys):
    with pytest.raises(SystemExit):
        main([name, "--help"])
    text = capsys.readouterr().out
    lines = [line.split("   ")[0].split("|")[0].split(" > ")[0].strip() for line in
             text.splitlines() if line.strip().startswith("mirror_robot ")]
    assert lines, name
    import shlex
    for line in lines:
        words = shlex.split(line)[1:]
        words = words[:words.index("--ros-args")] if "--ros-args" in words else words
        make_parser(words[0]).parse_args(words)  # exits where it is not understood


def test_the_repertoire_and_the_memory_answer_as_json(tmp_path, capsys):
    assert main(["repertoire", "list", "--json", "--file", str(tmp_path / "none.npz")]) == 0
    units = {unit["name"]: unit for unit in json.loads(capsys.readouterr().out)}
    assert units["wave_right"]["channel"] == "body" and not units["wave_right"]["taught"]
    file = tmp_path / "memory.sqlite"
    with Memory(file) as memory:
        memory.remember(Episode(10.0, 12.0, "anna", "wave", mood="joyful", sentence="Anna waves."))
    assert main(["memory", "--file", str(file), "list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["episodes"] == 1 and told["people"][0]["person"] == "anna"
    assert main(["memory", "--file", str(file), "search", "waves", "--json"]) == 0
    (episode,) = json.loads(capsys.readouterr().out)
    assert episode["mood"] == "joyful" and episode["end"] == 12.0


def test_a_rename_without_the_new_name_changes_nothing(tmp_path, capsys):
    assert main(["repertoire", "rename", "wave", "--file", str(tmp_path / "none.npz")]) == 2
    assert "new name" in capsys.readouterr().err


def test_ctrl_c_is_told_by_130(monkeypatch, capsys):
    from mirror_robot.console import repertoire

    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(repertoire, "run", interrupted)
    assert main(["repertoire", "list"]) == 130
    assert "stopped" in capsys.readouterr().err
