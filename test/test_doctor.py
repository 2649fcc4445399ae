# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What `mirror_robot doctor` tells of a loop that runs."""

from __future__ import annotations

import json
import threading

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from mirror_robot.console.doctor import ADVICE, FAULT, FINE, check_graph, look_at_the_graph
from mirror_robot.console.main import main
from mirror_robot.demo.recorder import TOPICS


def loop(**changes) -> dict:
    """Return what a survey finds of a loop that is well, but for some changes."""
    rates = {"human/body": 25.0, "human/face": 25.0, "joint_states": 100.0,
             "mirror/activation": 50.0} | changes.pop("rates", {})
    publishers = changes.pop("publishers", {})
    found = {
        "domain": "7", "rmw": "rmw_x", "elsewhere": [],
        "nodes": {"perception_node": 1, "mirror_node": 1, "actuation_node": 1},
        "topics": {topic: {"publishers": publishers.get(topic, 1), "rate": rates.get(topic, 1.0)}
                   for _, topic, _, _, _ in TOPICS},
        "commands": {"upper_body_controller/joint_trajectory": 1},
        "status": {name: {"level": 0, "message": "fine"} for name in (
            "perception_node", "mirror_node", "actuation_node")}}
    return found | changes


def said(found, namespace: str = "") -> dict:
    """Return the checks by subject."""
    checks = {check.subject: check for check in check_graph(found, namespace)}
    for check in checks.values():
        assert (check.state == FINE) == (not check.advice)  # what is not well has an advice
    return checks


def test_a_loop_that_is_well_is_told_with_its_rates():
    checks = said(loop())
    assert {check.state for check in checks.values()} == {FINE}
    assert "25/s" in checks["human/body"].finding
    assert "ROS_DOMAIN_ID=7" in checks["loop"].finding


@pytest.mark.parametrize("changes, subject, state, advice", [
    ({"nodes": {}, "elsewhere": ["/demo"]}, "loop", ADVICE, "--namespace"),
    ({"nodes": {}}, "loop", ADVICE, "mirror_robot run"),
    ({"nodes": {"perception_node": 2}}, "loop", FAULT, "--namespace"),
    ({"rates": {"joint_states": 0.0}, "publishers": {"joint_states": 0}},
     "joint_states", FAULT, "joint_state_broadcaster"),
    ({"rates": {"joint_states": 5.0}}, "joint_states", FAULT, "update_rate"),
    ({"rates": {"human/body": 0.0, "human/face": 0.0}}, "human/body", ADVICE, "nobody is seen"),
    ({"rates": {"human/body": 4.0}}, "human/body", ADVICE, "lags"),
    ({"publishers": {"human/body": 0}, "rates": {"human/body": 0.0}},
     "human/body", FAULT, "perception_node"),
    ({"rates": {"mirror/activation": 0.0}}, "mirror/activation", FAULT, "mirror_node"),
    ({"commands": {"arm_controller/joint_trajectory": 0}},
     "arm_controller/joint_trajectory", FAULT, "list_controllers"),
    ({"status": {"actuation_node": {"level": 2, "message": "emergency: stopped"}}},
     "actuation_node", FAULT, "troubleshooting"),
    ({"status": {"mirror_node": {"level": 3, "message": "nobody is seen"}}},
     "mirror_node", ADVICE, "diagnostics"),
    ({"status": {}}, "mirror_node", FAULT, "wait"),
])
def test_what_is_not_well_is_told_with_what_to_do(changes, subject, state, advice):
    check = said(loop(**changes))[subject]
    assert check.state == state and advice in check.advice


def test_a_graph_that_cannot_be_looked_at_is_a_fault():
    assert said("ImportError: no rmw")["ROS"].state == FAULT


def test_the_survey_counts_nodes_topics_rates_and_listeners():
    rclpy.init()
    executor = SingleThreadedExecutor()
    nodes = [rclpy.create_node(name, namespace=space) for name, space in (
        ("mirror_node", "tested"), ("actuation_node", "other"), ("unrelated", "tested"))]
    states = nodes[0].create_publisher(JointState, "joint_states", 10)
    health = nodes[0].create_publisher(DiagnosticArray, "/diagnostics", 10)
    nodes[2].create_subscription(
        JointTrajectory, "face_controller/joint_trajectory", lambda message: None, 1)
    status = DiagnosticStatus(level=b"\x01", name="mirror_node", message="tired")
    nodes[0].create_timer(0.02, lambda: states.publish(JointState()))
    nodes[0].create_timer(0.2, lambda: health.publish(DiagnosticArray(status=[status])))
    for node in nodes:
        executor.add_node(node)
    spinning = threading.Thread(target=executor.spin, daemon=True)
    spinning.start()
    try:
        found = look_at_the_graph("tested", 1.0, "kagami")
    finally:
        executor.shutdown()
        spinning.join(5.0)
        for node in nodes:
            node.destroy_node()
        rclpy.shutdown()
    assert found["nodes"] == {"mirror_node": 1} and found["elsewhere"] == ["/other"]
    assert found["topics"]["joint_states"]["publishers"] == 1
    assert 10.0 < found["topics"]["joint_states"]["rate"] <= 60.0
    assert found["topics"]["human/body"] == {"publishers": 0, "rate": 0.0}
    assert found["commands"] == {"face_controller/joint_trajectory": 1,
                                 "upper_body_controller/joint_trajectory": 0}
    assert found["status"]["mirror_node"] == {"level": 1, "message": "tired"}


def test_json_has_every_check_with_its_advice(capsys, monkeypatch):
    from mirror_robot.console import doctor
    for name in ("check_modules", "check_models", "check_rendering"):  # slow, and not of here
        monkeypatch.setattr(doctor, name, lambda: iter(()))
    monkeypatch.setattr(doctor, "look_at_the_graph", lambda *_: loop(nodes={}))
    code = main(["doctor", "--json", "--camera", "/dev/none"])
    checks = json.loads(capsys.readouterr().out)
    assert code == 0
    by = {check["subject"]: check for check in checks}
    assert by["robot"]["state"] == FINE and by["camera"]["state"] == ADVICE
    assert by["loop"]["advice"] and set(by["loop"]) == {"subject", "state", "finding", "advice"}
