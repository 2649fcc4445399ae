# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""`mirror_robot profile` writes a profile and a picture, and never over a person's work."""

from __future__ import annotations

from xml.etree import ElementTree

from mirror_robot.body.drawing import draw_robot
from mirror_robot.body.model import load_model
from mirror_robot.body.profile import load_profile
from mirror_robot.console.main import main


def test_the_built_in_robot_is_recognised_from_its_description(tmp_path, capsys):
    known = load_profile("kagami")
    output = tmp_path / "found.yaml"
    assert main(["profile", str(known.description), "--name", "mine",
                 "--output", str(output)]) == 0
    found = load_profile(output)
    assert {key: chain.joints for key, chain in found.chains.items()} == {
        key: chain.joints for key, chain in known.chains.items()}
    for side in ("left", "right"):
        assert found.chains[f"{side}_arm"].links["elbow"] == f"{side}_forearm_link"
        assert found.chains[f"{side}_arm"].palm_axis == known.chains[f"{side}_arm"].palm_axis
    said = capsys.readouterr().out
    assert "unsure" in said and "left arm, 7 joints" in said
    picture = ElementTree.parse(output.with_suffix(".svg")).getroot()
    assert picture.tag.endswith("svg")


def test_files_that_are_there_are_kept_unless_forced(tmp_path, capsys):
    urdf = load_profile("kagami").description
    output = tmp_path / "mine.yaml"
    output.write_text("precious")
    command = ["profile", str(urdf), "--name", "mine", "--output", str(output)]
    assert main(command) == 1
    assert output.read_text() == "precious"
    assert "--force" in capsys.readouterr().err
    assert main([*command, "--force"]) == 0
    assert load_profile(output).name == "mine"


def test_a_file_that_is_no_description_is_refused_with_its_name(tmp_path, capsys):
    path = tmp_path / "notes.urdf"
    path.write_text("hello")
    assert main(["profile", str(path)]) == 2
    assert "notes.urdf is not valid XML" in capsys.readouterr().err


def test_the_picture_colours_every_chain():
    picture = draw_robot(load_model("kagami"))
    for colour in ("#8a6d3b", "#c2185b", "#1565c0", "#2e7d32"):
        assert picture.count(f'stroke="{colour}"') >= 2
