"""Places on the body: canonical positions, and the coordinates that garments are cut in.

Everything is in metres on the average adult of `bodies.template()`, at rest: the floor is at
z = -0.82, crotch 0.07, waist 0.33, armpits 0.60, chin 0.78, crown 1.02; the front is -y.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from world import bodies

CROTCH, WAIST, NECK = 0.07, 0.33, 0.735


def smoothstep(low: float | np.ndarray, high: float | np.ndarray, x: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True)
class Places:
    """N places. Attributes (N,) as in `bodies.Template`."""

    points: np.ndarray  # (N, 3) canonical positions
    cut: np.ndarray  # (N, 3) where the cloth hangs, in canonical units: patterns follow this
    arm: np.ndarray
    hand: np.ndarray
    foot: np.ndarray
    neck: np.ndarray

    @staticmethod
    def of_vertices(cut: np.ndarray | None = None) -> "Places":
        """Return the template's vertices, hung as `cut` (V, 3) says."""
        t = bodies.template()
        points = t.canonical.astype(np.float64)
        return Places(points, points if cut is None else cut, t.arm, t.hand, t.foot, t.neck)

    def take(self, which: np.ndarray) -> "Places":
        """Return some of the places."""
        fields = (self.points, self.cut, self.arm, self.hand, self.foot, self.neck)
        return Places(*(values[which] for values in fields))

    @cached_property
    def x(self) -> np.ndarray:
        """Canonical x: to the person's left."""
        return self.points[:, 0]

    @cached_property
    def y(self) -> np.ndarray:
        """Canonical y: backwards."""
        return self.points[:, 1]

    @cached_property
    def z(self) -> np.ndarray:
        """Canonical z: up."""
        return self.points[:, 2]

    @cached_property
    def level(self) -> np.ndarray:
        """Height where the cloth hangs: hems are level on it."""
        return self.cut[:, 2]

    @cached_property
    def front(self) -> np.ndarray:
        """1 in front, 0 behind, with the change at the sides."""
        return smoothstep(0.01, -0.07, self.y)

    @cached_property
    def on_arm(self) -> np.ndarray:
        """Beyond the armhole's seam."""
        return self.arm > 0.5

    @cached_property
    def _arm_frame(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Along the arm from the shoulder joint, angle around it, distance from its axis."""
        joints = bodies.template().joints
        shoulder, elbow, wrist = (
            joints[b].astype(np.float64) for b in ("upperarm01.L", "lowerarm01.L", "wrist.L")
        )
        p = self.points.copy()
        p[:, 0] = np.abs(p[:, 0])
        best = None
        for start, end, before in (
            (shoulder, elbow, 0.0),
            (elbow, wrist, float(np.linalg.norm(elbow - shoulder))),
        ):
            length = float(np.linalg.norm(end - start))
            axis = (end - start) / length
            along = (p - start) @ axis
            clipped = np.clip(along, 0 if before else -1, length if not before else 1)
            off = p - start - clipped[:, None] * axis
            side = np.cross(axis, [0.0, 1.0, 0.0])
            side /= np.linalg.norm(side)
            angle = np.arctan2(off @ np.cross(side, axis), off @ side)
            found = np.stack([before + clipped, angle, np.linalg.norm(off, axis=1)])
            best = found if best is None else np.where(found[2] < best[2], found, best)
        assert best is not None
        return best[0], best[1], best[2]

    @cached_property
    def sleeve(self) -> np.ndarray:
        """Metres along the arm, 0 at the shoulder joint, 0.28 elbow, 0.53 wrist; 0 off it."""
        along = np.clip(self._arm_frame[0], -0.05, None)
        return np.where(self.arm > 0.02, along * smoothstep(0.15, 0.6, self.arm), 0.0)

    @cached_property
    def cloth(self) -> np.ndarray:
        """(N, 2) coordinates of a fabric in metres, across and along, panel by panel.

        Torso, legs and sleeves are cut on their own; the seams are where tailors put them.
        """
        x, y, z = self.cut.T
        around = np.arctan2(x, -(y + 0.035)) * 0.15
        hip_x = 0.118 + (0.15 - z) * 0.09
        leg_angle = np.arctan2(np.abs(x) - hip_x, -(y + 0.02))
        across = np.where(self.z < CROTCH, leg_angle * 0.085 * np.sign(x), around)
        along = z
        across = np.where(self.on_arm, self._arm_frame[1] * 0.055, across)
        along = np.where(self.on_arm, 0.70 - self._arm_frame[0], along)
        return np.stack([across, along], axis=1)
