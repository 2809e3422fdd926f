"""Drawn scenes with their label maps: houses, trees and balls in a meadow. Nothing is read; every scene is a function of its number."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from darkroom.core.dataset import Dataset, digest
from darkroom.core.images import to_uint8
from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.core.record import DataRecord
from darkroom.data.label_maps import Direction

CLASSES = ("sky", "meadow", "wall", "roof", "window", "tree", "ball")
"""Name of each id."""

PALETTE = ((90, 160, 230), (80, 160, 60), (190, 110, 80), (150, 40, 40), (40, 50, 90), (20, 90, 30), (240, 190, 40))
"""The colour of each id."""

COUNTS = {"train": 200, "heldout": 20}
"""Number of scenes of each split."""

SKY, MEADOW, WALL, ROOF, WINDOW, TREE, BALL = range(len(CLASSES))


class Shapes(Dataset):
    """Scenes of textured shapes, their label maps, and the number of the object that each pixel belongs to.

    A texture is a function of the class and the position: bricks, tiles, grass, clouds. So a network can learn to draw it from
    the label map; the colours of walls and balls are drawn at random for every object.

    Args:
        split: "train" or "heldout".
        size: height and width.
        direction: see `LabelMaps`.
        instances: the numbers of objects, int64 `(1, height, width)`, are the condition of an example.

    Example:
        >>> scene = Shapes("heldout", (32, 48)).example(0)
        >>> tuple(scene.input.shape), tuple(scene.target.shape), scene.target.dtype
        ((1, 32, 48), (3, 32, 48), torch.uint8)
    """

    classes, palette, ignored, labels = CLASSES, PALETTE, None, len(CLASSES)

    def __init__(
        self, split: str, size: tuple[int, int], *, direction: Direction = "labels_to_photo", instances: bool = False
    ) -> None:
        self.split, self.size, self.direction, self.instances = split, size, direction, instances
        self.name = "shapes" if split == "heldout" else f"shapes-{split}"
        self._drawn: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    @property
    def names(self) -> list[str]:
        return [f"scene {number}" for number in range(len(self))]

    def __len__(self) -> int:
        return COUNTS[self.split]

    def example(self, index: int) -> Example:
        if index not in self._drawn:
            scene = _Scene(*self.size, generator("shapes", self.split, index))
            self._drawn[index] = (scene.ids, to_uint8(scene.image), scene.objects)
        ids, image, objects = self._drawn[index]
        condition = (objects,) if self.instances else ()
        return Example(ids, image, condition) if self.direction == "labels_to_photo" else Example(image, ids, condition)

    def describe(self) -> DataRecord:
        return DataRecord(
            self.name, len(self), 0, "whole image", "none", remarks=[f"{len(CLASSES)} classes; drawn, not photographed"]
        )

    def digests(self) -> dict[str, str]:
        images = (self.example(index) for index in range(len(self)))
        photographs = (scene.target if self.direction == "labels_to_photo" else scene.input for scene in images)
        return dict(zip(self.names, map(digest, photographs), strict=True))


class _Scene:
    """One scene, painted from back to front."""

    def __init__(self, height: int, width: int, random: torch.Generator) -> None:
        self.random = random
        # Coordinates in units of the height, so that a scene is the same at every size; y points downwards.
        self.y, self.x = torch.meshgrid(
            (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / height, indexing="ij"
        )
        self.aspect = width / height
        self.image = torch.zeros(3, height, width)
        self.ids = torch.zeros(1, height, width, dtype=torch.long)
        self.objects = torch.zeros(1, height, width, dtype=torch.long)
        self.horizon = self.draw(0.5, 0.7)
        self.sky()
        self.meadow()
        for _ in range(self.choose(1, 3)):
            self.house()
        for _ in range(self.choose(1, 4)):
            self.tree()
        for _ in range(self.choose(0, 3)):
            self.ball()

    def draw(self, low: float, high: float) -> float:
        """A number, uniform in an interval."""
        return low + (high - low) * float(torch.rand((), generator=self.random))

    def choose(self, low: int, high: int) -> int:
        """An integer, `high` included."""
        return int(torch.randint(low, high + 1, (), generator=self.random))

    def paint(
        self, where: Bool[Tensor, "h w"], id: int, colour: tuple[float, ...], shade: Float[Tensor, "h w"], new: bool
    ) -> None:
        """Paint a shape: a colour times a shade; `new` begins a further object."""
        painted = (torch.tensor(colour)[:, None, None] * shade).clamp(0, 1)
        self.image = torch.where(where, painted, self.image)
        self.ids[0][where] = id
        self.objects[0][where] = int(self.objects.max()) + new

    def sky(self) -> None:
        clouds = (torch.sin(9 * self.x + 4 * torch.sin(7 * self.y + self.draw(0.0, 6.0))) + torch.sin(14 * self.y)) / 2
        self.paint(self.y < 2, SKY, (0.55, 0.75, 1.0), 0.75 + 0.25 * self.y + 0.12 * clouds, False)

    def meadow(self) -> None:
        blades = torch.sin(160 * self.x + 9 * torch.sin(40 * self.y)) * torch.sin(90 * self.y)
        self.paint(self.y > self.horizon, MEADOW, (0.45, 0.75, 0.3), 0.55 + 0.4 * self.y + 0.15 * blades, True)

    def house(self) -> None:
        left, foot = self.draw(0.0, self.aspect - 0.3), self.horizon + self.draw(0.02, 0.15)
        wide, high = self.draw(0.3, 0.5), self.draw(0.2, 0.35)
        x, y = (self.x - left) / wide, (foot - self.y) / high  # 0 to 1 within the walls
        row = (self.y / 0.04).floor()
        mortar = ((self.y / 0.04).frac() < 0.2) | (((self.x / 0.08) + 0.5 * (row % 2)).frac() < 0.1)
        colour = (self.draw(0.6, 0.9), self.draw(0.4, 0.6), self.draw(0.3, 0.5))
        self.paint((x > 0) & (x < 1) & (y > 0) & (y < 1), WALL, colour, torch.where(mortar, 1.25, 0.95), True)
        tiles = 0.75 + 0.35 * torch.sin(120 * self.y).abs() * torch.sin(70 * self.x).abs()
        self.paint((y >= 1) & (y < 1.5) & ((x - 0.5).abs() < 0.6 - 1.2 * (y - 1)), ROOF, (0.75, 0.3, 0.25), tiles, False)
        for centre in (0.28, 0.72):
            u, v = (x - centre) / 0.28, (y - 0.55) / 0.4  # −0.5 to 0.5 within the window
            glass = (u.abs() > 0.06) & (v.abs() > 0.06) & (u.abs() < 0.42) & (v.abs() < 0.42)
            shade = torch.where(glass, 0.6 + 0.8 * v, 3.0)
            self.paint((u.abs() < 0.5) & (v.abs() < 0.5), WINDOW, (0.3, 0.35, 0.5), shade, False)

    def tree(self) -> None:
        x, y, radius = self.draw(0.0, self.aspect), self.horizon - self.draw(0.0, 0.12), self.draw(0.07, 0.14)
        distance = ((self.x - x).square() + ((self.y - y) / 1.3).square()).sqrt() / radius
        leaves = torch.sin(75 * self.x + 3 * torch.sin(60 * self.y)) * torch.sin(85 * self.y)
        rough = 1 + 0.12 * torch.sin(8 * torch.atan2(self.y - y, self.x - x))
        self.paint(distance < rough, TREE, (0.25, 0.55, 0.25), 1.1 - 0.4 * distance + 0.3 * leaves, True)

    def ball(self) -> None:
        x, y, radius = self.draw(0.0, self.aspect), self.draw(0.82, 0.95), self.draw(0.04, 0.09)
        u, v = (self.x - x) / radius, (self.y - y) / radius
        inside = u.square() + v.square() < 1
        light = 0.5 + 0.6 * (1 - (u + 0.4).square() / 2 - (v + 0.4).square() / 2).clamp(0, 1)
        stripes = torch.where((3 * u).frac().abs() < 0.5, 1.0, 0.7)
        self.paint(inside, BALL, (0.95, self.draw(0.3, 0.9), 0.2), light * stripes, True)


def shapes(split: str, size: tuple[int, int], *, direction: Direction = "labels_to_photo", instances: bool = False) -> Shapes:
    """The drawn scenes of a split; see `Shapes`."""
    return Shapes(split, size, direction=direction, instances=instances)
