# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Online shaping: from targets that may do anything to a motion that a robot can make.

Three ways lead each joint through the next period, the first that is allowed is taken:

1. *Tracking*, when the joint is so near its target that a linear law stays within the jerk limit:
   ``jerk = w^3 e + 3 w^2 e' + 3 w e''`` with the error ``e`` to the moving target, critically
   damped with all three poles at ``-w``. It has no lag behind a target of steady acceleration and
   needs a third of the jerk that a time-optimal planner spends on a noisy target.
2. *Ruckig* (Berscheid and Kroeger, RSS 2021) otherwise: the time-optimal jerk-limited way from the
   present state to the state of the target, planned anew every period, each joint for itself.
3. The next step of the quickest *stop* (`mirror_robot.actuation.stopping`), when the step proposed
   so far would break a limit or lead to a state from which the joint could not stop inside its
   range. Ruckig's community version knows no position limits and may fail on rare inputs.

A state that is reached along a stop can stop, and no other state is accepted unless it can: by
induction every sample keeps every limit, whatever the targets do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirror_robot.actuation.limits import JointLimits
from mirror_robot.actuation.stopping import Stop, stop_from, stoppable_speed

try:
    import ruckig
except ImportError as error:  # pragma: no cover - depends on the installation
    raise ImportError(
        "shaping needs Ruckig, which is not installed: `pip install ruckig` (it has no rosdep key "
        "for Python; the C++ package ros-<distro>-ruckig does not bring the Python module)"
    ) from error

# Planning keeps this far inside the range [fraction of it], so that rounding in a plan that ends
# exactly at a limit is not taken for a violation.
_MARGIN = 1e-5
# Planning keeps this share below the limits of velocity, acceleration and jerk, likewise.
_TOLERANCE = 1e-6
# Rounding that Ruckig's integration may show against the exact bounds of one step.
_ROUNDING = 1e-7
# The terms of the tracking law may cancel far from the target too, where it would run into the
# limits later and overshoot. Their magnitudes may therefore sum to this much of the jerk limit;
# of 1.5, 3 and none at all, 3 had no overshoot of a step and the least jerk.
_NEAR = 3.0
# A joint this near a resting target [rad], [rad/s], [rad/s^2] stops for good: the tracking law
# alone would creep toward it for ever, and a robot that stands needs no commands.
_SETTLED = 2e-4, 2e-3, 0.1


@dataclass(frozen=True)
class Motion:
    """The state of n joints as commanded.

    Attributes
    ----------
    position, velocity, acceleration : ndarray (n,)
        [rad], [rad/s], [rad/s^2].
    """

    position: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray


class Shaper:
    """Follows moving targets within the limits of every joint, joint by joint.

    Parameters
    ----------
    limits : JointLimits
        Never exceeded, except that a joint which starts outside its range is brought back in
        without a step.
    period : float
        Of the control loop [s].
    bandwidth : float
        ``w`` of the tracking law [1/s]. Higher follows more closely and passes on more noise; from
        about ``1 / (5 period)`` on the sampled law loses its damping.
    """

    def __init__(self, limits: JointLimits, period: float, bandwidth: float = 25.0) -> None:
        if not period > 0.0:
            raise ValueError(f"the period of the control loop is {period} s; it must be positive")
        if not 0.0 < bandwidth * period <= 0.3:
            raise ValueError(
                f"a bandwidth of {bandwidth}/s does not go with a period of {period} s; their "
                "product must be above 0 and at most 0.3")
        count = len(limits)
        self.limits = limits
        self.period = period
        self.bandwidth = bandwidth
        self._ruckig = ruckig.Ruckig(count, period)
        self._input = ruckig.InputParameter(count)
        self._input.synchronization = ruckig.Synchronization.No
        self._output = ruckig.OutputParameter(count)
        margin = np.minimum(_MARGIN * (limits.upper - limits.lower), 1e-4)
        self._inner = limits.lower + margin, limits.upper - margin
        self.guarded = np.zeros(count, bool)
        """Joints whose proposed step was refused in the last step; they braked instead."""
        self.at_limit = np.zeros(count, bool)
        """Joints whose target of the last step was cut at the end of the range."""
        self.failures = 0
        """Times that Ruckig found no plan."""
        self._scale = np.full(count, -1.0)
        self.start((limits.lower + limits.upper) / 2.0)

    @property
    def motion(self) -> Motion:
        """The present commanded state."""
        return Motion(self._p, self._v, self._a)

    @property
    def stop(self) -> Stop:
        """The quickest stop from the present state."""
        return self._stop

    @property
    def standing(self) -> bool:
        """Whether no joint moves."""
        return not (self._v.any() or self._a.any())

    def start(self, position: np.ndarray, velocity: np.ndarray | None = None) -> None:
        """Set the state to a measured one; the next step goes on from there.

        Parameters
        ----------
        position : ndarray (n,)
            [rad]. May lie outside the range; the joint then moves back into it.
        velocity : ndarray (n,), optional
            [rad/s]. Cut to what the limits allow at that position.

        Raises
        ------
        ValueError
            If the state is not finite; the joints concerned are named.
        """
        position = np.array(position, float)
        velocity = np.zeros(len(position)) if velocity is None else np.array(velocity, float)
        wrong = ~(np.isfinite(position) & np.isfinite(velocity))
        if wrong.any():
            names = ", ".join(self.limits.names[i] for i in np.flatnonzero(wrong))
            raise ValueError(f"the measured state is not a number for {names}")
        velocity = self._stoppable(position, velocity, 1.0)
        self._set(position, velocity, np.zeros(len(position)))

    def coast(self, time: float) -> None:
        """Move the state along its stop for `time` [s].

        That is where a robot is whose last command ended in this stop and then heard nothing.
        """
        self._set(*self._stop.at(time))

    def impose(
        self, position: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray,
    ) -> None:
        """Set the state (n,) of a motion that was shaped elsewhere, within the same limits."""
        self._set(position, velocity, acceleration)

    def step(
        self, target: np.ndarray, target_velocity: np.ndarray | float = 0.0,
        target_acceleration: np.ndarray | float = 0.0, scale: np.ndarray | float = 1.0,
    ) -> Motion:
        """Advance by one period toward the target and return the new state.

        Parameters
        ----------
        target : ndarray (n,)
            Where each joint should be at the end of this period [rad]; NaN: stop and stay.
        target_velocity, target_acceleration : ndarray (n,) or float
            How the target moves [rad/s], [rad/s^2]; NaN counts as zero.
        scale : ndarray (n,) or float
            Fraction 0..1 of the velocity, acceleration and jerk limits to plan with. All three
            scale alike, so that a joint at a tenth of its speed still starts and stops as quickly.
            Stops always use the full limits.
        """
        limits, shape = self.limits, self._p.shape
        scale = np.minimum(np.maximum(scale, 1e-3), 1.0) + np.zeros(shape)
        self.at_limit = np.zeros(shape, bool)
        self.guarded = np.zeros(shape, bool)
        # Beyond the planning limits (the scale was just lowered) a joint first slows down.
        # The tolerance is for rounding at a limit, where this would brake at every other step.
        fastest, steepest = scale * limits.velocity, scale * limits.acceleration
        plan = (np.isfinite(target) & (np.abs(self._v) <= fastest * (1.0 + _TOLERANCE))
                & (np.abs(self._a) <= steepest * (1.0 + _TOLERANCE)))
        if plan.any():
            p, v, a = self._aim(plan, target, target_velocity, target_acceleration, scale)
            near, slow, steady = _SETTLED
            plan &= ~((np.abs(p - self._p) < near) & (np.abs(v) < slow)
                      & (np.abs(self._v) < slow) & (np.abs(self._a) < steady))
        if not plan.any():
            self.coast(self.period)
            return self.motion
        jerk, effort, proposal = self._track(p, v, a)
        allowed = scale * limits.jerk
        track = plan & (np.abs(jerk) <= allowed) & (effort <= _NEAR * allowed)
        # Where the law would run into a limit, which a fast target makes it do, Ruckig goes along
        # the limit; a step refused below would brake.
        v_next, a_next = proposal[1], proposal[2]
        within = 1.0 - _TOLERANCE
        track &= np.abs(a_next) <= within * steepest
        track &= np.abs(v_next + a_next * np.abs(a_next) / (2.0 * allowed)) <= within * fastest
        if (rest := plan & ~track).any():
            planned = self._plan(rest, p, v, scale)
            if planned is None:
                self.guarded, plan = rest, track
            else:
                proposal = np.where(track, proposal, planned)
        idle = ~plan & (self._v == 0.0) & (self._a == 0.0)
        proposal = np.where(idle, [self._p, self._v, self._a], proposal)
        good, stop = self._admissible(proposal)
        self.guarded = self.guarded | (plan & ~good)
        taken = good & (plan | idle)
        if taken.all():
            self._p, self._v, self._a = proposal
            self._stop = stop
        else:
            self._set(*np.where(taken, proposal, self._stop.at(self.period)))
        return self.motion

    def _set(self, position: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray) -> None:
        self._p, self._v, self._a = position, velocity, acceleration
        self._stop = stop_from(position, velocity, acceleration, self.limits.acceleration,
                               self.limits.jerk)

    def _stoppable(
        self, position: np.ndarray, velocity: np.ndarray, scale: np.ndarray | float,
    ) -> np.ndarray:
        """Return `velocity` cut so that a stop from `position` fits into the range."""
        limits = self.limits
        acceleration, jerk = scale * limits.acceleration, scale * limits.jerk
        up = stoppable_speed(limits.upper - position, acceleration, jerk)
        down = stoppable_speed(position - limits.lower, acceleration, jerk)
        fastest = scale * limits.velocity
        return np.maximum(np.minimum(velocity, np.minimum(up, fastest)),
                          -np.minimum(down, fastest))

    def _aim(
        self, plan: np.ndarray, target: np.ndarray, velocity: np.ndarray | float,
        acceleration: np.ndarray | float, scale: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the target's state, cut to one that a joint can have and still stop from."""
        p = np.minimum(np.maximum(target, self._inner[0]), self._inner[1])
        self.at_limit = plan & (p != target)
        p = np.where(plan, p, self._p)
        moves = plan & ~self.at_limit
        v = np.where(moves & np.isfinite(velocity), velocity, 0.0)
        v = 0.99 * self._stoppable(p, v, scale)
        bound = scale * self.limits.acceleration
        a = np.where(moves & np.isfinite(acceleration), acceleration, 0.0)
        a = np.minimum(np.maximum(a, -bound), bound)
        return p, v, a

    def _track(
        self, p: np.ndarray, v: np.ndarray, a: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the tracking law's jerk (n,), its sum of magnitudes (n,), and the next state."""
        w, dt = self.bandwidth, self.period
        # The target is where the joint should be after this period; the law compares both now.
        p_now = p - dt * (v - a * dt / 2.0)
        terms = (w**3 * (p_now - self._p), 3.0 * w**2 * (v - a * dt - self._v),
                 3.0 * w * (a - self._a))
        jerk = terms[0] + terms[1] + terms[2]
        effort = np.abs(terms[0]) + np.abs(terms[1]) + np.abs(terms[2])
        return jerk, effort, np.array([
            self._p + dt * (self._v + dt * (self._a / 2.0 + dt * jerk / 6.0)),
            self._v + dt * (self._a + dt * jerk / 2.0),
            self._a + dt * jerk])

    def _plan(
        self, which: np.ndarray, p: np.ndarray, v: np.ndarray, scale: np.ndarray,
    ) -> np.ndarray | None:
        """Return Ruckig's next state (3, n), or None if it finds no plan."""
        given, limits = self._input, self.limits
        if not np.array_equal(scale, self._scale):
            self._scale = scale.copy()
            within = scale * (1.0 - _TOLERANCE)
            given.max_velocity = (within * limits.velocity).tolist()
            given.max_acceleration = (within * limits.acceleration).tolist()
            given.max_jerk = (within * limits.jerk).tolist()
        given.enabled = which.tolist()
        given.current_position = self._p.tolist()
        given.current_velocity = self._v.tolist()
        given.current_acceleration = self._a.tolist()
        given.target_position = p.tolist()
        given.target_velocity = v.tolist()
        try:
            result = self._ruckig.update(given, self._output)
        except ruckig.RuckigError:
            result = ruckig.Result.Error
        if result not in (ruckig.Result.Working, ruckig.Result.Finished):
            self.failures += 1
            self._ruckig.reset()
            return None
        new = self._output
        return np.array([new.new_position, new.new_velocity, new.new_acceleration])

    def _admissible(self, new: np.ndarray) -> tuple[np.ndarray, Stop]:
        """Return which joints (n,) may take the proposed step, and their stops after it."""
        limits, dt = self.limits, self.period
        p, v, a = new
        # One step of any motion whose jerk stays within J differs by no more than this from one
        # without jerk; so do then all finite differences of what is sent.
        good = np.abs(a - self._a) <= limits.jerk * dt + _ROUNDING
        good &= np.abs(v - self._v - self._a * dt) <= limits.jerk * dt**2 / 2.0 + _ROUNDING
        good &= np.abs(p - self._p - dt * (self._v + self._a * dt / 2.0)) <= (
            limits.jerk * dt**3 / 6.0 + _ROUNDING)
        # Out of bounds is allowed only where the present state leaves no way to avoid it, and
        # never further: a joint that starts outside its range comes back monotonically.
        stop = stop_from(p, v, a, limits.acceleration, limits.jerk)
        low, high = stop.extent
        lowest, highest = self._stop.extent
        good &= low >= np.minimum(limits.lower, lowest)
        good &= high <= np.maximum(limits.upper, highest)
        good &= np.abs(a) <= np.maximum(limits.acceleration, np.abs(self._a))
        fastest = np.maximum(limits.velocity, self._stop.peak_velocity)
        good &= stop.peak_velocity <= fastest
        # Also between the samples, where a light joint may turn its acceleration around.
        good &= np.abs(p - self._p) <= fastest * dt
        return good & np.isfinite(p) & np.isfinite(v) & np.isfinite(a), stop
