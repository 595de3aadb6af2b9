"""A body as a function that can be differentiated: shape weights and rotations -> vertices."""

import torch
from torch import Tensor, nn


class SkinnedBody(nn.Module):
    """Linear blend shapes, then linear blend skinning.

    `vertices` (V, 3) and `joints` (J, 3) at rest; `vertex_offsets` (K, V, 3) and `joint_offsets`
    (K, J, 3) of K blend shapes; `skin` (V, J), rows sum to 1; `parents` of the joints, which come
    level by level of the tree, the root's -1.
    """

    vertices: Tensor
    joints: Tensor
    vertex_offsets: Tensor
    joint_offsets: Tensor
    skin: Tensor

    def __init__(
        self,
        vertices: Tensor,
        joints: Tensor,
        vertex_offsets: Tensor,
        joint_offsets: Tensor,
        skin: Tensor,
        parents: tuple[int, ...],
    ):
        super().__init__()
        self.register_buffer("vertices", vertices)
        self.register_buffer("joints", joints)
        self.register_buffer("vertex_offsets", vertex_offsets)
        self.register_buffer("joint_offsets", joint_offsets)
        self.register_buffer("skin", skin)
        self.parents = parents
        self._levels = _levels(parents)

    def only(self, ids: Tensor) -> "SkinnedBody":
        """The same body with some of its vertices (N,), in that order."""
        return SkinnedBody(
            self.vertices[ids],
            self.joints,
            self.vertex_offsets[:, ids],
            self.joint_offsets,
            self.skin[ids],
            self.parents,
        )

    def forward(self, shape: Tensor, rotations: Tensor) -> tuple[Tensor, Tensor]:
        """Shape weights (B, K), rotations (B, J, 3, 3) about the joints, in their parents' frames.

        Returns posed vertices (B, V, 3) and joints (B, J, 3); the root's joint is the origin.
        """
        rest = self.vertices + (shape @ self.vertex_offsets.flatten(1)).unflatten(1, (-1, 3))
        joints = self.joints + (shape @ self.joint_offsets.flatten(1)).unflatten(1, (-1, 3))
        turns, posed = self._chain(rotations, joints)
        # x -> turn (x - joint) + posed joint
        shifts = posed - (turns @ joints.unsqueeze(-1)).squeeze(-1)
        moves = torch.cat([turns.flatten(2), shifts], dim=2)  # (B, J, 12)
        blended = self.skin @ moves
        turned = blended[..., :9].unflatten(2, (3, 3)) @ rest.unsqueeze(-1)
        return turned.squeeze(-1) + blended[..., 9:], posed

    def _chain(self, rotations: Tensor, joints: Tensor) -> tuple[Tensor, Tensor]:
        """Each joint's rotation in the world and its posed place, the root's at the origin."""
        turns, posed = rotations[:, :1], torch.zeros_like(joints[:, :1])
        for level, parents in self._levels:
            arms = (joints[:, level] - joints[:, parents]).unsqueeze(-1)
            above = turns[:, parents]
            turns = torch.cat([turns, above @ rotations[:, level]], dim=1)
            posed = torch.cat([posed, posed[:, parents] + (above @ arms).squeeze(-1)], dim=1)
        return turns, posed


def rotation(vectors: Tensor) -> Tensor:
    """Rotation vectors (..., 3), radians, -> matrices (..., 3, 3): Rodrigues' formula."""
    angle = (vectors.square().sum(-1, keepdim=True) + 1e-12).sqrt()
    x, y, z = (vectors / angle).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    sine, cosine = angle.sin().unsqueeze(-1), angle.cos().unsqueeze(-1)
    return torch.eye(3, device=vectors.device) + sine * cross + (1 - cosine) * (cross @ cross)


def _levels(parents: tuple[int, ...]) -> list[tuple[slice, list[int]]]:
    """The joints of each level of the tree below the root, and their parents."""
    depth = [0] * len(parents)
    for joint, parent in enumerate(parents[1:], start=1):
        depth[joint] = depth[parent] + 1
    if depth != sorted(depth):
        raise ValueError("joints must come level by level")
    levels = []
    for level in range(1, max(depth) + 1):
        start, count = depth.index(level), depth.count(level)
        levels.append((slice(start, start + count), list(parents[start : start + count])))
    return levels
