# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""From targets and joint states to commands: the whole of the actuation, without ROS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mirror_robot.actuation.clearance import Clearance
from mirror_robot.actuation.limits import JointLimits
from mirror_robot.actuation.nearness import HandSpeed, Nearness
from mirror_robot.actuation.performing import Movement, Performance, shape_movement
from mirror_robot.actuation.safety import (
    ARMED,
    Answer,
    FollowingMonitor,
    Silence,
    State,
    Supervisor,
)
from mirror_robot.actuation.shaping import Shaper
from mirror_robot.actuation.targets import InputGate, Refusal, TargetEstimator

SOURCES = ("posture", "face")
"""Where targets come from; each is gated by itself."""

# A standing robot gets its last command this much longer [s], in case a message was lost ...
_LINGER = 0.3
# ... and, while following, again once in this time [s], in case a controller was restarted.
_REFRESH = 0.5
# A loop that was held up for longer [s] has let the robot run into the stop of its last command.
_HELD_UP = 0.02
# A joint this near its goal [rad] has arrived.
_ARRIVED = 1e-3
# Setting the clock back, or ahead beyond what the steady clock says [s], is a jump.
_BACK, _AHEAD = 0.05, 1.0


@dataclass(frozen=True)
class Settings:
    """How the actuation behaves; times in seconds.

    Attributes
    ----------
    rate : float
        Of the control loop [Hz].
    command_rate : float
        How often commands are sent [Hz]; at most `rate`.
    speed_scale : float
        0..1 of the limits, while following.
    rest_scale : float
        0..1 of the limits, on the way to rest.
    bandwidth : float
        Of the tracking law [1/s]; see `Shaper`.
    blend_time : float
        A joint that begins to follow reaches full speed in this time.
    target_timeout : float
        A joint without a fresh target for this long stops ...
    hold_time : float
        ... and after this much longer goes to rest.
    target_max_age : float
        Oldest stamp of a target that is taken.
    target_jump : float
        Largest jump of a target that is taken without confirmation [rad].
    joint_state_timeout : float
        Without joint states for this long the robot is stopped and disarmed.
    tracking_error, tracking_time : float
        A joint that is farther off than this [rad] for this long stops the robot.
    start_tolerance : float
        How far a joint may be outside of its range when enabled [rad].
    deadman_timeout : float
        The deadman must be refreshed within this time; 0: there is none.
    near_distance : float
        While a person is nearer than this [m], or it is not known how near, the hands move at
        `hand_speed` at most; 0: never.
    hand_speed : float
        Of the hands while a person is near [m/s].
    hold_distance : float
        While a person is nearer than this [m], or it is not known how near, the robot holds
        still; 0: never.
    distance_timeout : float
        A distance not heard of for this long is unknown.
    preview : bool
        Commands are for show only: no joint states are needed, none are compared.
    """

    rate: float = 100.0
    command_rate: float = 50.0
    speed_scale: float = 1.0
    rest_scale: float = 0.15
    bandwidth: float = 25.0
    blend_time: float = 1.0
    target_timeout: float = 0.5
    hold_time: float = 2.0
    target_max_age: float = 0.5
    target_jump: float = 0.8
    joint_state_timeout: float = 0.5
    tracking_error: float = 0.5
    tracking_time: float = 0.5
    start_tolerance: float = 0.1
    deadman_timeout: float = 0.0
    near_distance: float = 0.0
    hand_speed: float = 0.25
    hold_distance: float = 0.0
    distance_timeout: float = 1.0
    preview: bool = False

    @property
    def steps(self) -> int:
        """Periods of the loop between two commands."""
        return max(1, round(self.rate / self.command_rate))


@dataclass(frozen=True)
class Command:
    """What is to be sent: where to be, and how to stop from there if nothing else follows.

    A robot that hears nothing more, because this process died, the network broke or the loop was
    held up, decelerates within its limits and stands. It is also what ros2_control's
    joint_trajectory_controller wants by default: a trajectory that ends with velocity zero.

    Attributes
    ----------
    stamp : float or None
        Acquisition time of the newest target followed; None when none is.
    state : State
    times : ndarray (k,)
        From now [s].
    positions, velocities : ndarray (k, n)
        [rad], [rad/s]; the velocities of the last row are zero.
    """

    stamp: float | None
    state: State
    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray


class Actuator:
    """Gate, estimate, shape and watch over n joints, at a fixed rate.

    Two clocks come in with every call. ``now`` is the node's clock, in which stamps are given; it
    may be simulated, stand, or jump. ``steady`` never jumps; all watchdogs run on it and on the
    time of receipt, so that no stamp can fool them.

    Parameters
    ----------
    limits : JointLimits
    rest : ndarray (n,)
        The rest posture [rad].
    settings : Settings
    hands : HandSpeed, optional
        Keeps the hands slow while a person is near; needed when `Settings.near_distance` is set.
    clearance : Clearance, optional
        Keeps the arms from touching the robot itself.
    unwatched : sequence of int, optional
        Joints that need not get where they are told, as those of a gripper.
    """

    def __init__(
        self, limits: JointLimits, rest: np.ndarray, settings: Settings | None = None,
        hands: HandSpeed | None = None, clearance: Clearance | None = None,
        unwatched: Sequence[int] = (),
    ) -> None:
        self.limits, self.settings = limits, settings or Settings()
        count = len(limits)
        self.period = 1.0 / self.settings.rate
        self.shaper = Shaper(limits, self.period, self.settings.bandwidth)
        self.supervisor = Supervisor()
        self.nearness = Nearness(self.settings.near_distance, self.settings.hold_distance,
                                 self.settings.distance_timeout)
        """How near people are; tell it."""
        if hands is None and self.settings.near_distance > 0.0:
            raise ValueError("slow hands near people need a model of the robot: pass `hands`")
        self._hands, self.clearance = hands, clearance
        self.rest = np.clip(rest, limits.lower, limits.upper)
        self.drops: Counter[str] = Counter()
        """Dropped input by reason, as ``<source>_<reason>``."""
        self.faults: Counter[str] = Counter()
        """What the watchdogs saw, by name."""
        self.refusal = ""
        """The last refusal of input in words."""
        self.speed_scale = self.settings.speed_scale
        """0..1 of the limits while following; may be changed at any time."""
        self.limit_hits = np.zeros(count, int)
        """Periods (n,) in which a joint's target lay outside its range or its step was refused."""
        self._gates = {source: InputGate(limits.names, limits.lower, limits.upper,
                                         self.settings.target_max_age) for source in SOURCES}
        self._targets = TargetEstimator(count, jump=self.settings.target_jump)
        error = np.full(count, self.settings.tracking_error)
        travel = np.minimum(0.25, 0.5 * (limits.upper - limits.lower))
        error[list(unwatched)] = travel[list(unwatched)] = np.inf
        self._monitor = FollowingMonitor(
            error, self.settings.tracking_time, travel, self.settings.joint_state_timeout)
        self._index = {name: i for i, name in enumerate(limits.names)}
        self._measured = np.full((2, count), np.nan)
        self._measured_names: list[str] = []
        self._measured_from = self._measured_to = np.zeros(0, int)
        self._states_silent, self._deadman_silent = Silence(count), Silence(1)
        self._stamp: float | None = None
        self._engaged = False
        self._enabled_at = -np.inf
        self._blend = np.zeros(count)
        self._yield = np.full(count, np.nan)
        self._nowhere = np.full(count, np.nan)
        self._tick_at: tuple[float, float] | None = None
        self._uncommanded = 0
        self._stood = np.inf
        self._sent = -np.inf
        self._was_fresh = False
        self._reserved = np.zeros(count, bool)
        self._performance: Performance | None = None
        self._played = 0

    @property
    def state(self) -> State:
        """What the actuation is doing."""
        return self.supervisor.state

    @property
    def measured(self) -> np.ndarray:
        """Latest measured positions (n,) [rad], NaN where none came."""
        return self._measured[0]

    @property
    def tracking_error(self) -> np.ndarray:
        """Distance of measured and commanded position (n,) [rad] at the last period."""
        return self._monitor.error

    # ------------------------------------------------------------------ what comes in

    def receive_targets(
        self, source: str, names: Sequence[str], positions: Sequence[float], stamp: float,
        now: float, steady: float,
    ) -> Refusal | None:
        """Take in a target message of one of `SOURCES`; return why it was dropped, if it was."""
        admitted = self._gates[source].admit(names, positions, stamp, now)
        if isinstance(admitted, Refusal):
            return self._drop(source, admitted)
        if jumps := self._targets.add(admitted, steady):
            self._drop(source, Refusal("jump", f"{jumps} joints jumped"), jumps)
        if len(admitted.joints) and (self._stamp is None or stamp > self._stamp):
            self._stamp = stamp
        return None

    def _drop(self, source: str, refusal: Refusal, count: int = 1) -> Refusal:
        self.drops[f"{source}_{refusal.reason}"] += count
        self.refusal = f"{source}: {refusal.text}"
        return refusal

    def receive_joint_states(
        self, names: Sequence[str], positions: Sequence[float], velocities: Sequence[float] = (),
    ) -> None:
        """Take in measured joint states; joints that are not the robot's are passed over."""
        if len(names) != len(positions) or (len(velocities) and len(velocities) != len(names)):
            self._drop("joint_states", Refusal("wrong_size", "names and values differ in number"))
            return
        if names != self._measured_names:
            self._measured_names = list(names)
            mine = [(i, self._index[name]) for i, name in enumerate(names) if name in self._index]
            self._measured_from = np.array([i for i, _ in mine], int)
            self._measured_to = np.array([i for _, i in mine], int)
        if not len(self._measured_to):
            return
        values = np.zeros((2, len(names)))
        values[0] = positions
        if len(velocities):
            values[1] = np.nan_to_num(velocities)
        values = values[:, self._measured_from]
        if not np.isfinite(values).all():
            self._drop("joint_states", Refusal("not_a_number", "a measured position is no number"))
            return
        self._measured[:, self._measured_to] = values
        self._states_silent.heard(self._measured_to)

    def refresh_deadman(self, held: bool) -> None:
        """Take in the deadman switch."""
        if held:
            self._deadman_silent.heard()
        elif self.settings.deadman_timeout > 0.0:
            self._fault("deadman_released", "the deadman switch was released")

    # ------------------------------------------------------------------ what is asked

    def enable(self, steady: float) -> Answer:
        """Arm: start from the measured state and follow; refused with a reason where unsafe."""
        armed = self.state in ARMED
        answer = self.supervisor.enable(self._obstacles(steady))
        if answer.accepted and not armed:
            # In a preview there may be no robot to start from.
            known = np.isfinite(self._measured[0])
            self.shaper.start(np.where(known, self._measured[0], self.rest),
                              np.where(known, self._measured[1], 0.0))
            self._engaged = True
            self._enabled_at, self._stood, self._was_fresh = steady, np.inf, False
            self._blend[:] = 0.0
            self._yield[:] = np.nan
            self._monitor.clear()
        return answer

    def _obstacles(self, steady: float) -> str:
        settings = self.settings
        if self.supervisor.pressed:
            return "the emergency stop is pressed"
        if settings.deadman_timeout and (
                self._deadman_silent.check(steady)[0] > settings.deadman_timeout):
            return "the deadman switch is not held"
        if settings.preview:
            return ""
        missing = [name for name, value in zip(self.limits.names, self._measured[0])
                   if not np.isfinite(value)]
        if len(missing) == len(self.limits):
            return "no joint_states received; is the robot (or its simulation) running?"
        if missing:
            return f"joint_states lack {', '.join(missing)}"
        silent = self._states_silent.check(steady).max()
        if silent > settings.joint_state_timeout:
            return f"the last joint_states came {silent:.1f} s ago"
        position = self._measured[0]
        beyond = np.maximum(self.limits.lower - position, position - self.limits.upper)
        if (outside := beyond > settings.start_tolerance).any():
            which = ", ".join(f"{self.limits.names[i]} by {beyond[i]:.2f} rad"
                              for i in np.flatnonzero(outside))
            return f"outside of the range: {which}; move it by hand, or check its calibration"
        return ""

    def stop(self, reason: str = "stopped") -> Answer:
        """Decelerate within the limits to a hold, and disarm."""
        return self.supervisor.stop(reason)

    def relax(self) -> Answer:
        """Go to rest slowly, and disarm."""
        return self.supervisor.relax()

    def emergency(self, pressed: bool) -> None:
        """Take in the emergency stop."""
        self.supervisor.emergency(pressed)

    def reset(self) -> Answer:
        """Leave the emergency state."""
        return self.supervisor.reset(self.shaper.standing)

    def leave(self, reason: str) -> Command | None:
        """Disarm at once and return the last command, which stops the robot; None if it is still.

        For a process that ends and cannot watch over the stop any more.
        """
        if not self._engaged:
            return None
        command = self.command()
        self.shaper.coast(np.inf)
        self.release()
        self._engaged = False
        self.supervisor.leave(reason)
        return command

    # ------------------------------------------------------------------ whole movements

    def prepare(
        self, movement: Movement, groups: Sequence[np.ndarray], steady: float,
    ) -> Callable[[], Performance] | str:
        """Reserve the joints of a movement, which then stop, and return what shapes it.

        What is returned may be called in another thread; `perform` takes its result. A text says
        why the movement cannot be performed now.

        Parameters
        ----------
        movement : Movement
        groups : sequence of ndarray of int
            Joints that get their trajectories together; see `Movement.held`.
        steady : float
            [s]
        """
        if self.state not in ARMED:
            return f"the robot is {self.state.value}"
        if self._reserved.any():
            return "another movement is being performed"
        if hold := self.nearness.hold(steady):
            return hold
        if self._hands is not None and self.nearness.near(steady):
            return "a person is near, and the hands are to be slow"
        start = self.shaper.stop.end.copy()
        movement = movement.held(groups, start)
        settings, joints = self.settings, movement.joints
        self._reserved[joints] = True
        blend, speed = self._blend[joints].copy(), self.speed_scale

        def scale(time: float) -> np.ndarray:
            if settings.blend_time <= 0.0:
                return np.full(len(joints), speed)
            return speed * (0.2 + 0.8 * np.minimum(blend + time / settings.blend_time, 1.0))

        return lambda: shape_movement(movement, self.limits, start, self.period,
                                      settings.bandwidth, scale)

    def ready(self, performance: Performance) -> bool:
        """Return whether its joints stand where a performance begins."""
        motion, joints = self.shaper.motion, performance.joints
        return not motion.velocity[joints].any() and bool(
            (np.abs(motion.position[joints] - performance.start) < _ARRIVED).all())

    def perform(self, performance: Performance) -> bool:
        """Play a performance from the next period on; the robot gets it as a whole elsewhere.

        Its joints move as it says until it ends, and then stand until `release`. It breaks off
        (`performing` is False then) when the robot is to stop, to hold, or to be slow. Returns
        False where it may not begin any more.
        """
        following = self.state is State.FOLLOWING
        if not following or not self._reserved[performance.joints].all():
            return False
        self._performance, self._played = performance, 0
        return True

    @property
    def performing(self) -> bool:
        """Whether a performance is being played."""
        return self._performance is not None

    @property
    def reserved(self) -> bool:
        """Whether joints wait for a performance, make one, or stand after it."""
        return bool(self._reserved.any())

    def release(self) -> None:
        """Let the joints of a performance follow targets again."""
        self._performance = None
        self._reserved[:] = False

    def break_off(self) -> None:
        """Let the joints of a performance stop; they stand until `release`."""
        self._performance = None

    def refused(self, joints: np.ndarray) -> None:
        """Take in that the robot does not make a performance: these joints (m,) have not moved.

        The performance breaks off; all its joints stop, and stand until `release`.
        """
        if self._performance is not None:
            start = self.shaper.motion.position.copy()
            start[self._performance.joints] = self._performance.start
            self._performance = None
            self._stand(joints, start)

    def failed(self, joints: np.ndarray, reason: str) -> None:
        """Take in that the robot broke a performance off by itself: stop and disarm.

        Its joints (m,) are taken to stand where they were measured last.
        """
        self._performance = None
        seen = np.clip(self._measured[0], self.limits.lower, self.limits.upper)
        self._stand(joints, np.where(np.isfinite(seen), seen, self.shaper.motion.position))
        self._fault("performance_failed", reason)

    def _stand(self, joints: np.ndarray, positions: np.ndarray) -> None:
        motion = self.shaper.motion
        p, v, a = motion.position.copy(), motion.velocity.copy(), motion.acceleration.copy()
        p[joints], v[joints], a[joints] = positions[joints], 0.0, 0.0
        self.shaper.impose(p, v, a)

    def _play(self) -> None:
        """Move the joints of a performance on by one period."""
        performance, motion = self._performance, self.shaper.motion
        if performance is None or self._played >= len(performance.states):
            return
        p, v, a = motion.position.copy(), motion.velocity.copy(), motion.acceleration.copy()
        p[performance.joints], v[performance.joints], a[performance.joints] = (
            performance.states[self._played])
        self._played += 1
        self.shaper.impose(p, v, a)

    @property
    def played(self) -> bool:
        """Whether the performance has come to its end."""
        return self._performance is not None and self._played >= len(self._performance.states)

    # ------------------------------------------------------------------ the loop

    def tick(self, now: float, steady: float, steps: int = 1) -> Command | None:
        """Advance by `steps` periods up to `now`; return a command when one is due.

        Nothing is returned while disarmed, nor for long after the robot stands. A process that
        sends every second period only wakes half as often with two steps at a time: waking costs
        more than a step.
        """
        self._check_clocks(now, steady, steps * self.period)
        supervisor, settings = self.supervisor, self.settings
        silent = steady - np.maximum(self._targets.heard, self._enabled_at)
        fresh = steady - self._targets.heard < settings.target_timeout
        tired = silent >= settings.target_timeout + settings.hold_time
        hold = self.nearness.hold(steady)
        if hold:
            # Nothing is followed, nothing goes to rest, and what follows begins gently again.
            fresh, tired = np.zeros_like(fresh), np.zeros_like(tired)
            self._blend[:] = 0.0
        supervisor.targets(bool(fresh.any()), bool(tired.all()), hold)
        self._watch(steady)
        if self.shaper.standing and steady - self._stood >= _LINGER:
            position = self.shaper.motion.position
            if not (np.abs(position - self._yield) > _ARRIVED).any():
                supervisor.standing(bool((np.abs(position - self.rest) <= _ARRIVED).all()))
        state = supervisor.state
        self._engaged &= state is not State.DISARMED
        if not self._engaged:
            return None
        if state in ARMED:
            self._resume(fresh, steady)
            if settings.blend_time > 0.0:
                blend = steps * self.period / settings.blend_time
                self._blend = np.where(fresh, np.minimum(self._blend + blend, 1.0),
                                       np.where(tired, 0.0, self._blend))
                scale = self.speed_scale * (0.2 + 0.8 * self._blend)
            else:
                scale = self.speed_scale
            scale = np.where(fresh, scale, settings.rest_scale)
        else:
            scale = settings.rest_scale
        velocity, acceleration = 0.0, 0.0
        target = {State.RELAXING: self._nowhere if hold else self.rest,
                  State.STOPPING: self._yield}.get(state, self._nowhere)
        near = self._hands is not None and self.nearness.near(steady)
        if self._performance is not None and (state is not State.FOLLOWING or hold or near):
            # From here on its joints stop; whoever sent it to the robot sees that, and tells it.
            self._performance = None
        ahead = now + 1.0 / settings.command_rate
        for step in reversed(range(steps)):
            if state in ARMED:
                target, velocity, acceleration = self._targets.at(ahead - step * self.period)
                target = np.where(fresh, target, np.where(tired, self.rest, np.nan))
                velocity, acceleration = fresh * velocity, fresh * acceleration
            if self._reserved.any():
                target = np.where(self._reserved, np.nan, target)
            slow = self._slow_hands(target, velocity, scale) if near else scale
            self._step(target, velocity, acceleration, slow)
            self.limit_hits += self.shaper.at_limit | self.shaper.guarded
        return self._command(steady, steps)

    def _step(self, target: np.ndarray, velocity: np.ndarray | float,
              acceleration: np.ndarray | float, scale: np.ndarray | float) -> None:
        """Go on by one period, clear of the robot itself."""
        shaper, clearance = self.shaper, self.clearance
        if clearance is None:
            shaper.step(target, velocity, acceleration, scale)
        else:
            before = shaper.stop
            nearer = clearance.around(shaper, target)
            straight = ~(nearer != target) | np.isnan(target)
            shaper.step(nearer, straight * velocity, straight * acceleration, scale)
            if not shaper.standing:
                clearance.keep(shaper, before)
        self._play()

    def _slow_hands(
        self, target: np.ndarray, velocity: np.ndarray | float, scale: np.ndarray | float,
    ) -> np.ndarray:
        """Return `scale` (n,) lowered so that no hand is faster than it may be."""
        motion, fastest = self.shaper.motion, self.limits.velocity
        away = np.where(np.isfinite(target), np.abs(target - motion.position), 0.0)
        demand = np.maximum(np.abs(motion.velocity), np.minimum(
            self.settings.bandwidth * away + np.abs(velocity), fastest))
        return np.minimum(scale, self._hands(motion.position, demand) / fastest)

    def _check_clocks(self, now: float, steady: float, due: float) -> None:
        if self._tick_at is not None:
            passed, elapsed = now - self._tick_at[0], steady - self._tick_at[1]
            # In a simulation that is slower than real time only the simulated time counts.
            late = min(passed, elapsed) - due
            if late > _HELD_UP:
                self.faults["loop_held_up"] += 1
                # The robot ran into the stop of its last command meanwhile; so does the shaper.
                self.shaper.coast(late)
                if self._performance is not None:
                    # With a whole movement it goes on instead.
                    self._played = min(self._played + round(late / self.period),
                                       len(self._performance.states) - 1)
            if passed < -_BACK or passed > elapsed + _AHEAD:
                self.faults["clock_jumped"] += 1
                self._targets.forget()
                self._stamp = None
                for gate in self._gates.values():
                    gate.forget()
        self._tick_at = now, steady

    def _resume(self, fresh: np.ndarray, steady: float) -> None:
        """After a time without commands, start from where the robot really is."""
        any_fresh = bool(fresh.any())
        if any_fresh and not self._was_fresh and steady - self._stood > 2.0 * _LINGER:
            at, seen = self.shaper.motion.position, self._measured[0]
            moved = np.isfinite(seen) & (np.abs(seen - at) > 0.15)
            if moved.any():
                self.faults["moved_while_resting"] += 1
                self.shaper.start(np.where(moved, seen, at))
        self._was_fresh = any_fresh

    def _watch(self, steady: float) -> None:
        settings, names = self.settings, self.limits.names
        silences = self._states_silent.check(steady)
        deadman = self._deadman_silent.check(steady)[0]
        state = self.supervisor.state
        if state not in ARMED and state is not State.RELAXING:
            return
        if settings.deadman_timeout and deadman > settings.deadman_timeout:
            self._fault("deadman_silent", "the deadman switch was not refreshed")
        if settings.preview:
            return
        if (silent := silences.max()) > settings.joint_state_timeout:
            self._fault("no_joint_states", f"no joint_states of {names[int(silences.argmax())]} "
                                           f"for {silent:.2f} s")
            return
        off, stalled = self._monitor.check(
            self.shaper.motion.position, self._measured[0], steady)
        if (bad := off | stalled).any():
            which = ", ".join(names[i] for i in np.flatnonzero(bad))
            # Pushing on against what blocks a joint is not a hold: give way to where it is.
            seen = np.clip(self._measured[0], self.limits.lower, self.limits.upper)
            self._yield = np.where(bad, seen, np.nan)
            if off.any():
                self._fault("tracking_error", f"too far from its command: {which}")
            else:
                self._fault("stalled", f"told to move and does not: {which}")

    def _fault(self, name: str, reason: str) -> None:
        if self.state in ARMED or self.state is State.RELAXING:
            self.faults[name] += 1
            self.supervisor.stop(reason)

    def _command(self, steady: float, steps: int) -> Command | None:
        standing = self.shaper.standing
        self._stood = min(self._stood, steady) if standing else np.inf
        self._uncommanded += steps
        if self._uncommanded < self.settings.steps:
            return None
        self._uncommanded = 0
        refresh = self.state is State.FOLLOWING and steady - self._sent >= _REFRESH
        if standing and steady - self._stood > _LINGER and not refresh:
            return None
        self._sent = steady
        return self.command()

    def command(self) -> Command:
        """Return the command for the present state."""
        lead = 1.0 / self.settings.command_rate
        stop = self.shaper.stop
        duration = float(stop.duration.max()) * (1.0 + 1e-9)
        stamp = self._stamp if self.state is State.FOLLOWING else None
        if self.shaper.standing:
            motion = self.shaper.motion
            return Command(stamp, self.state, np.array([lead]), motion.position[None],
                           np.zeros((1, len(self.limits))))
        after = np.array([0.0, 0.25, 0.5, 0.75, 1.0]) * max(duration, lead)
        positions, velocities, _ = stop.at(after[:, None])
        velocities[-1] = 0.0
        return Command(stamp, self.state, lead + after, positions, velocities)
