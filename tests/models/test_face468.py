"""The mesh of layout `face468`."""

import numpy as np
import pytest
from scipy.spatial import KDTree

from models.face468 import POINTS, TRIANGLES, read_mesh
from models.layouts import symmetric
from tests.helpers import face468

# MediaPipe's numbers: outer corners of the eyes, of the mouth; tip of the nose, forehead, chin.
RIGHT_EYE, LEFT_EYE, MOUTH_RIGHT, MOUTH_LEFT, NOSE, FOREHEAD, CHIN = 33, 263, 61, 291, 1, 10, 152


def test_the_mesh_is_a_face() -> None:
    """x runs right, as the viewer has it, y down, z towards the viewer; u and v as x and y."""
    uv, faces, canonical = face468.mesh()
    assert uv.shape == (POINTS, 2)
    assert faces.shape == (TRIANGLES, 3)
    for x, y in (canonical[:, :2].T, uv.T):
        assert x[RIGHT_EYE] < x[MOUTH_RIGHT] < x[NOSE] < x[MOUTH_LEFT] < x[LEFT_EYE]
        assert y[FOREHEAD] < y[LEFT_EYE] < y[NOSE] < y[MOUTH_LEFT] < y[CHIN]
    assert 8 < canonical[LEFT_EYE, 0] - canonical[RIGHT_EYE, 0] < 10  # centimetres
    assert canonical[:, 2].argmax() in (NOSE, 4)


def test_triangles_lie_side_by_side_on_the_sheet() -> None:
    """A disc without holes, all triangles turned alike: no place of the sheet is used twice."""
    uv, faces, _ = face468.mesh()
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert len(np.unique(faces)) - len(np.unique(edges, axis=0)) + len(faces) == 1
    a, b, c = np.moveaxis(uv[faces], 1, 0)
    turns = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    assert len(np.unique(np.sign(turns))) == 1
    assert abs(uv).max() < 1


def test_the_sheet_is_its_own_mirror() -> None:
    uv, _, canonical = face468.mesh()
    assert symmetric("face468")
    distance, other = KDTree(uv).query(uv * [-1, 1])
    assert distance.max() < 0.0025
    np.testing.assert_allclose(canonical[other] * [-1, 1, 1], canonical, atol=1e-4)


def test_another_file_is_refused_by_one_line() -> None:
    with pytest.raises(ValueError, match=r"not the face_landmarker\.task.*make facemesh-data"):
        read_mesh(b"another version")
