# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The live page: a web server on viser, the scene, the pictures and the buttons."""

from __future__ import annotations

import contextlib
import io
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import viser
import websockets.asyncio.server

from mirror_robot.viewer import drawings
from mirror_robot.viewer.gate import Gate, is_local
from mirror_robot.viewer.robot import RobotScene, RobotTree
from mirror_robot.viewer.state import State

AUTOMATIC = "whoever is near"
"""What the list of people offers besides their ids."""

_GHOST = (*bytes.fromhex(drawings.GHOST[1:]),)
# Evening behind the robot: whatever is white or dark on it stands out (RGB, above and below).
_SKY = (30, 38, 48), (66, 80, 94)
# viser has the panel of a phone as wide as that of a desktop, which leaves a strip beside it.
_STYLE = (".mantine-Paper-root[style*='bottom: 0px'],.mantine-Paper-root[style*='bottom: 0px'] "
          "div[style='width: 20em;']{width:100%!important}")
_IMAGE_OLD = 2.0  # [s] after which the camera's picture is no longer the present
# How often the parts of the page are drawn anew [s]; the robot moves at every call.
_PERIODS = {"bars": 0.1, "sentence": 0.25, "mood": 0.2, "timeline": 0.5, "health": 1.0,
            "answers": 0.25, "ghost": 0.2}


class ViewerError(RuntimeError):
    """The page cannot be shown; says why."""


@dataclass(frozen=True)
class Controls:
    """What the page asks of the robot; each may be called from any thread and returns at once."""

    arm: Callable[[], None]
    stop: Callable[[], None]
    mode: Callable[[str], None]
    person: Callable[[str], None]
    mirror_image: Callable[[bool], None]
    speed: Callable[[float], None]
    perform: Callable[[str], None]
    teach: Callable[[str], None]
    end_lesson: Callable[[], None]
    cancel_lesson: Callable[[], None]


class Page:
    """The page and its server, in threads of their own.

    Parameters
    ----------
    tree : RobotTree
        The robot to show.
    rest : mapping joint -> position [rad or m]
        How it stands until its joints are known.
    controls : Controls
    modes : sequence of str
        What the robot can do about what it sees.
    host : str
        Address to listen on; ``localhost`` for programs on this machine only.
    port : int
        The first one tried; the next free one is taken.
    token : str
        What an address must bring; empty for none on this machine, and for a random one elsewhere.
    base : ndarray (3, 3), optional
        Rotation from the root link's axes to x forward, z up.
    head : str
        The link of the head, of which no ghost is shown; empty where there is none.

    Attributes
    ----------
    address : str
        To open in a browser; holds the token.

    Raises
    ------
    ValueError
        If `host` is no address of this machine.
    ViewerError
        If the page cannot be guarded.
    """

    def __init__(
        self, tree: RobotTree, rest: Mapping[str, float], controls: Controls, *,
        modes: tuple[str, ...] = ("mimic", "respond"), host: str = "localhost", port: int = 8080,
        token: str = "", base: np.ndarray | None = None,
        head: str = "",
    ) -> None:
        local = is_local(host)
        self._gate = Gate(token or ("" if local else secrets.token_urlsafe(16)))
        with _guarded(self._gate) as installed:
            # viser greets on standard output, with an address that lacks the token.
            with contextlib.redirect_stdout(io.StringIO()):
                self._server = viser.ViserServer(host=host, port=port, label=tree.name,
                                                 verbose=False)
            if not installed:
                self._server.stop()
                raise ViewerError("this version of viser starts its server in a way that cannot "
                                  "be guarded; 1.1.1 is known to work")
        # A picture of a person is not handed to a relay on the internet, whoever asks.
        self._server.request_share_url = (  # type: ignore[method-assign]
            lambda verbose=True: None)
        shown = "localhost" if local else _own_name(host)
        self.address = self._gate.address(shown, self._server.get_port())
        self._controls, self._due = controls, dict.fromkeys(_PERIODS, -np.inf)
        self._head = head
        self._html: dict[str, Any] = {}
        self._told: dict[str, str] = {}
        self._image_shown: bytes = b""
        with self._server.atomic():
            self._dress()
            self._build_scene(tree, rest, base)
            self._build_panels(tuple(modes))

    # What it is made of

    def _dress(self) -> None:
        gui = self._server.gui
        gui.configure_theme(dark_mode=True, show_logo=False, show_share_button=False,
                            brand_color=(34, 139, 134), control_width="large")

    def _build_scene(
        self, tree: RobotTree, rest: Mapping[str, float], base: np.ndarray | None,
    ) -> None:
        scene = self._server.scene
        low, high = tree.bounds(rest)
        if base is not None:
            corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1])
                                for z in (low[2], high[2])]) @ base.T
            low, high = corners.min(axis=0), corners.max(axis=0)
        size = float(high[2] - low[2])
        self.robot = RobotScene(scene, "/robot", tree, rest, base=base)
        self.ghost = RobotScene(scene, "/ghost", tree, rest, _GHOST, base=base)
        self._rest = dict(rest)
        self._goal = scene.add_icosphere(
            "/robot/goal", radius=0.025 * size, color=(183, 156, 255), opacity=0.8, visible=False)
        scene.add_grid("/floor", width=6 * size, height=6 * size, cell_size=0.25 * size,
                       section_size=size, cell_color=(52, 58, 64), section_color=(73, 80, 87),
                       position=(0.0, 0.0, float(low[2])), plane_color=(26, 29, 33),
                       plane_opacity=1.0, fade_distance=8 * size)
        camera = self._server.initial_camera
        middle = float(low[2]) + 0.66 * size
        camera.look_at = (0.0, 0.0, middle)
        camera.position = (1.75 * size, 0.3 * size, middle + 0.18 * size)
        camera.fov = 0.75
        shade = np.linspace(0.0, 1.0, 256)[:, None, None]
        scene.set_background_image(np.broadcast_to(
            np.round((1.0 - shade) * _SKY[0] + shade * _SKY[1]).astype(np.uint8), (256, 2, 3)),
            format="png")
        scene.configure_default_lights(cast_shadow=False)
        scene.add_light_directional("/light", intensity=1.6, cast_shadow=False,
                                    position=(2.0 * size, size, middle + 2.0 * size))
        scene.add_light_ambient("/dusk", intensity=0.5)

        @self._server.on_client_connect
        def _(client: viser.ClientHandle) -> None:
            # Of a phone's picture the panel covers the lower part.
            if client.camera.image_width < 0.8 * client.camera.image_height:
                client.camera.position = (2.9 * size, 0.4 * size, middle)
                client.camera.look_at = (0.0, 0.0, middle - 0.55 * size)

    def _build_panels(self, modes: tuple[str, ...]) -> None:
        # On a phone the main panel is open and the others are a tap away; so it has what one
        # looks at first, and what must be at hand: Stop.
        gui, controls = self._server.gui, self._controls
        blank = np.full((270, 480, 3), 24, np.uint8)
        cv2.putText(blank, "no picture from the camera", (115, 140), cv2.FONT_HERSHEY_SIMPLEX,
                    0.55, (154, 163, 173), 1, cv2.LINE_AA)
        self._image = gui.add_image(blank, format="jpeg")
        self._blank = self._image._data
        self.stop = gui.add_button("Stop", icon=viser.Icon.HAND_STOP, color="red",
                                   hint="Bring the robot to a hold and disarm it")
        self.arm = gui.add_button("Arm", icon=viser.Icon.PLAYER_PLAY, color="teal",
                                  hint="Let the robot move")
        self.arm.on_click(lambda _: controls.arm())
        self.stop.on_click(lambda _: controls.stop())
        self._add_html("answers")
        self._add_html("sentence")
        self._add_html("bars")
        gui.add_html(f"<style>{_STYLE}</style>")
        gui.main_panel.dock_left()
        gui.main_panel.set_width(400)
        inside = gui.add_panel(order=1)
        with inside.add_tab("Feels", viser.Icon.HEART):
            self._add_html("mood")
            self._add_html("timeline")
            gui.add_html(drawings.legend())
        with inside.add_tab("Rates", viser.Icon.ACTIVITY):
            self._add_html("health")
        inside.dock_right()
        inside.set_width(400)
        asked = gui.add_panel(order=2)
        with asked.add_tab("Behaviour", viser.Icon.ADJUSTMENTS):
            self._build_settings(modes)
        with asked.add_tab("Perform and teach", viser.Icon.SCHOOL):
            self._build_requests()
        asked.dock_below(inside)

    def _build_settings(self, modes: tuple[str, ...]) -> None:
        gui, controls = self._server.gui, self._controls
        self._mode = gui.add_dropdown("Mode", modes, hint="What it does about what it sees")
        self._person = gui.add_dropdown("Person", (AUTOMATIC,), hint="Whom it attends to")
        self._mirror_image = gui.add_checkbox(
            "Mirror image", True, hint="Your right moves its left, as in a mirror")
        self._speed = gui.add_slider("Speed", 0.05, 1.0, 0.05, 1.0,
                                     hint="Share of the robot's limits that it uses")
        self._mode.on_update(self._by_user(lambda: controls.mode(self._mode.value)))
        self._person.on_update(self._by_user(lambda: controls.person(
            "" if self._person.value == AUTOMATIC else self._person.value)))
        self._mirror_image.on_update(
            self._by_user(lambda: controls.mirror_image(self._mirror_image.value)))
        self._speed.on_update(self._by_user(lambda: controls.speed(self._speed.value)))

    def _build_requests(self) -> None:
        gui, controls = self._server.gui, self._controls
        words = gui.add_text("Do", "wave", hint="A movement in a mood: bow a little shyly")
        self.perform = gui.add_button("Perform", icon=viser.Icon.MASKS_THEATER)
        gui.add_divider()
        name = gui.add_text("Movement", "my_wave", hint="Its name: lower-case letters, digits, _")
        self.lesson = lesson = gui.add_button_group("Lesson", ("Start", "Finish", "Cancel"))

        @self.perform.on_click
        def _(event: Any) -> None:
            if words.value.strip():
                controls.perform(words.value.strip())

        @lesson.on_click
        def _(event: Any) -> None:
            if lesson.value == "Start":
                controls.teach(name.value.strip())
            elif lesson.value == "Finish":
                controls.end_lesson()
            else:
                controls.cancel_lesson()

    def _add_html(self, name: str) -> None:
        self._html[name] = self._server.gui.add_html("")

    def _by_user(self, act: Callable[[], None]) -> Callable[[Any], None]:
        """Return a callback that passes on what a user chose, not what `settings` wrote."""
        def call(event: Any) -> None:
            if event.client is not None:
                act()
        return call

    # What it shows

    @property
    def watchers(self) -> int:
        """How many browsers have the page open."""
        return len(self._server.get_clients())

    def show(self, state: State) -> None:
        """Show the present state; call it at the rate at which the robot is to move."""
        with self._server.atomic():
            self.robot.move(state.joints)
            self._show_image(state)
            for name, period in _PERIODS.items():
                if not 0.0 <= state.now - self._due[name] + period < period:
                    self._due[name] = state.now + period
                    if name == "ghost":
                        self._show_ghost(state)
                    else:
                        self._tell(name, getattr(drawings, name)(state))
            self._list_people(state)

    def _tell(self, name: str, content: str) -> None:
        if self._told.get(name) != content:
            self._told[name] = content
            self._html[name].content = content

    def _show_ghost(self, state: State) -> None:
        if state.ghost:
            self.ghost.move({**self._rest, **state.joints, **state.ghost})
        self.ghost.show_apart(self.robot if state.ghost else None, self._head)
        if state.goal is not None:
            self._goal.position = state.goal
        if self._goal.visible != (state.goal is not None):
            self._goal.visible = state.goal is not None

    def _show_image(self, state: State) -> None:
        fresh = state.image if state.now - state.image_at < _IMAGE_OLD else b""
        if fresh != self._image_shown:
            self._image_shown = fresh
            # Passed through as it came: viser's own way would decode and encode it again.
            self._image._data = fresh or self._blank

    def _list_people(self, state: State) -> None:
        chosen = self._person.value
        options = (AUTOMATIC, *state.people)
        if chosen not in options:
            options = (*options, chosen)
        if tuple(self._person.options) != options:
            self._person.options = options

    def settings(self, **values: Any) -> None:
        """Show what is set on the robot: ``mode``, ``person``, ``mirror_image``, ``speed``."""
        for name, value in values.items():
            handle = getattr(self, f"_{name}")
            if name == "person":
                value = value or AUTOMATIC
                if value not in handle.options:
                    handle.options = (*handle.options, value)
            if handle.value != value:
                handle.value = value

    def close(self) -> None:
        """End the server."""
        with contextlib.redirect_stdout(io.StringIO()):
            self._server.stop()


@contextlib.contextmanager
def _guarded(gate: Gate) -> Iterator[list[bool]]:
    """Have the gate decide on every request to the server that is started meanwhile.

    viser has no way to do that. A second server in front of it would leave viser's own port open
    to everybody on the machine, and to every web site in a browser there.
    """
    module, installed = websockets.asyncio.server, []
    serve = module.serve

    def guarded_serve(*arguments: Any, process_request: Any = None, **options: Any) -> Any:
        def decide(connection: Any, request: Any) -> Any:
            answer = gate.check(request)
            if answer is None:
                answer = process_request(connection, request)
                return answer if answer is None else gate.seal(answer)
            return answer

        installed.append(True)
        return serve(*arguments, process_request=decide, **options)

    module.serve = guarded_serve  # type: ignore[assignment]
    try:
        yield installed
    finally:
        module.serve = serve


def _own_name(host: str) -> str:
    """Return what others can call this machine by."""
    if host not in ("", "0.0.0.0", "::"):
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: asks which of the addresses leads out
            return probe.getsockname()[0]
        except OSError:
            return socket.gethostname()
