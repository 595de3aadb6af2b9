"""A fit as a row of the table `fits`: what it takes to pose the body anew."""

from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from workers.extraction.bodyfit import SIDE
from workers.extraction.bodyfit.body import HEIGHT, fit_body
from workers.extraction.bodyfit.people import FittedPerson
from workers.extraction.framing import Framing
from world.camera import DISTANCE


def fit_row(image_id: str, person: FittedPerson, framing: Framing) -> dict[str, Any]:
    """The body of a person, its pose and its camera, at a picture's own pixels.

    The rotations of the bones are those that `world.bodies.pose` takes, as vectors.
    """
    fit, body = person.fit, fit_body()
    turns = body.rotations(torch.from_numpy(fit.angles)[None], torch.tensor([fit.yaw]))[0].numpy()
    # Who lies was fitted in a turned square: a turn of the root about the line of sight.
    square = person.sighting.square
    turns[0] = Rotation.from_euler("y", square.angle).as_matrix() @ turns[0]
    root = person.sighting.on_photograph(np.array(fit.centre))
    corners = np.add(root, [[0, 0], [fit.focal * square.side / SIDE] * 2])
    centre, corner = framing.in_picture(corners) - 0.5
    focal = corner - centre
    return {
        "image_id": image_id,
        # anny counts ages from infancy: 2/3 is a young adult, 1 is old.
        "phenotype": fit.traits | {"age": (2 + fit.traits["age"]) / 3, "height": HEIGHT},
        "bones": body.names,
        "rotations": Rotation.from_matrix(turns).as_rotvec().ravel(),
        "camera": {
            "focal_x": focal[0],
            "focal_y": focal[1],
            "centre_x": centre[0],
            "centre_y": centre[1],
            "distance": DISTANCE,
        },
    }
