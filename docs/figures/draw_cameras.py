"""Draw the figures of `docs/cameras.md` with the code that they explain: python docs/figures/draw_cameras.py"""

import math
from pathlib import Path

import matplotlib
import torch

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from darkroom.radiance import tabletop
from darkroom.radiance.cameras import Camera, convert, looking_at, to_ndc

HERE = Path(__file__).parent
COLOURS = {"x": "#c0392b", "y": "#27ae60", "z": "#2e6fc4"}
INK = "#333333"


def similar_triangles() -> None:
    """One row of pixels from above: the ray of each through its centre, at depth 1."""
    camera = Camera(6, 1, 4.0, 4.0, 3.0, 0.5, torch.eye(3, 4))
    directions = camera.rays().directions
    figure, axes = plt.subplots(figsize=(7, 4.2))
    left, right = -camera.cx / camera.fx, (camera.width - camera.cx) / camera.fx
    axes.plot([left, right], [1, 1], color=INK, lw=2)
    for edge in range(camera.width + 1):
        at = (edge - camera.cx) / camera.fx
        axes.plot([at, at], [0.97, 1.03], color=INK)
    for number, (x, _, z) in enumerate(directions.tolist()):
        highlighted = number == 4
        axes.plot([0, 1.6 * x], [0, -1.6 * z], color=COLOURS["x"] if highlighted else "#bbbbbb", lw=2 if highlighted else 1)
        axes.text(x, 1.06, f"{number}", ha="center", fontsize=9, color=INK)
    x = float(directions[4, 0])
    axes.plot([0, 0], [0, 1.6], "--", color=COLOURS["z"])
    axes.annotate("", (x, 0.93), (0, 0.93), arrowprops=dict(arrowstyle="<->", color=COLOURS["x"]))
    axes.text(x + 0.12, 0.7, r"$X=\frac{x-c_x}{f}=\frac{4.5-3}{4}$", ha="left", va="top", color=COLOURS["x"], fontsize=13)
    axes.annotate("", (-0.03, 1), (-0.03, 0), arrowprops=dict(arrowstyle="<->", color=COLOURS["z"]))
    axes.text(-0.06, 0.5, "1", ha="right", color=COLOURS["z"], fontsize=13)
    axes.text(0.02, 1.52, "$-z$, the optical axis", color=COLOURS["z"])
    axes.text(right + 0.04, 1, "image plane at depth 1\n(pixels 0 to 5)", va="center", fontsize=9, color=INK)
    axes.plot(0, 0, "o", color=INK)
    axes.text(0.04, -0.03, "centre", va="top", color=INK)
    axes.set(xlim=(-1.3, 1.6), ylim=(-0.15, 1.7), aspect="equal")
    axes.axis("off")
    _save(figure, "similar_triangles")


def conventions() -> None:
    """The axes of the same camera in the three conventions."""
    pose = looking_at(torch.tensor([2.0, -3.0, 1.5]), torch.zeros(3), torch.tensor([0.0, 0, 1]))
    figure = plt.figure(figsize=(10, 3.6))
    for number, (name, words) in enumerate(
        (
            ("opengl", "opengl: right, up, back"),
            ("opencv", "opencv: right, down, forward"),
            ("llff", "llff: down, right, back"),
        ),
        1,
    ):
        axes = figure.add_subplot(1, 3, number, projection="3d")
        _frustum(axes, Camera(4, 3, 4.0, 4.0, 2.0, 1.5, pose), depth=1.0)
        converted = convert(pose, "opengl", name)
        for axis, column in zip("xyz", converted[:, :3].T, strict=True):
            end = converted[:, 3] + column
            axes.plot(*zip(converted[:, 3].tolist(), end.tolist(), strict=True), color=COLOURS[axis], lw=2.5)
            axes.text(*(converted[:, 3] + 1.15 * column).tolist(), axis, color=COLOURS[axis])
        axes.set_title(words, fontsize=10)
        _set_view(axes, [1, 3.2], [-4, -1.2], [0.2, 2.6], view=(22, -105))
    _save(figure, "conventions")


def scene() -> None:
    """The embedded scene's training cameras, with the rays of their corners."""
    figure = plt.figure(figsize=(6, 5))
    axes = figure.add_subplot(projection="3d")
    for camera in tabletop.cameras(30, 100):
        _frustum(axes, camera, depth=0.6)
    angles = torch.linspace(0, 2 * math.pi, 60)
    axes.plot(1.15 * angles.cos().numpy(), 1.15 * angles.sin().numpy(), -0.6, color=INK)
    for axis, end in zip("xyz", torch.eye(3).tolist(), strict=True):
        axes.plot(*zip([0, 0, 0], end, strict=True), color=COLOURS[axis], lw=2)
        axes.text(*[1.15 * part for part in end], axis, color=COLOURS[axis])
    _set_view(axes, [-3.5, 3.5], [-3.5, 3.5], [-1, 4], view=(25, -60))
    _save(figure, "scene")


def ndc() -> None:
    """Rays of a forward-facing camera before and after the warp, dots at equal distances in warped space."""
    camera = Camera(8, 1, 6.0, 6.0, 4.0, 0.5, torch.eye(3, 4))
    rays = camera.rays()
    warped = to_ndc(rays, (6.0, 6.0), 8, 1)
    figure, (before, after) = plt.subplots(1, 2, figsize=(10, 3.8))
    t = torch.linspace(0, 0.9, 10)
    for number in range(8):
        depth = 1 / (1 - t)  # near plane at 1
        points = rays.origins[number] + depth[:, None] * rays.directions[number]
        before.plot(-points[:, 2], points[:, 0], ".-", color=COLOURS["z"], lw=0.7)
        flat = warped.origins[number] + t[:, None] * warped.directions[number]
        after.plot(flat[:, 2], flat[:, 0], ".-", color=COLOURS["z"], lw=0.7)
    before.set(title="world: depth from 1 to infinity", xlabel="depth $-z$", ylabel="$x$")
    after.set(title="normalised device coordinates: a box", xlabel="$z'$ (−1 near, 1 infinity)", ylabel="$x'$")
    figure.tight_layout()
    _save(figure, "ndc")


def _frustum(axes, camera: Camera, depth: float) -> None:
    corners = [(0, 0), (camera.width, 0), (camera.width, camera.height), (0, camera.height)]
    ends = []
    for x, y in corners:
        local = torch.tensor([(x - camera.cx) / camera.fx, -(y - camera.cy) / camera.fy, -1.0])
        ends.append((camera.centre + depth * camera.pose[:, :3] @ local).tolist())
        axes.plot(*zip(camera.centre.tolist(), ends[-1], strict=True), color="#888888", lw=0.7)
    for one, other in zip(ends, ends[1:] + ends[:1], strict=True):
        axes.plot(*zip(one, other, strict=True), color="#888888", lw=0.7)


def _set_view(axes, x: list[float], y: list[float], z: list[float], view: tuple[int, int]) -> None:
    axes.set(xlim=x, ylim=y, zlim=z, xticks=[], yticks=[], zticks=[])
    axes.set_box_aspect([b - a for a, b in (x, y, z)])
    axes.view_init(*view)


def _save(figure, name: str) -> None:
    figure.savefig(HERE / f"{name}.png", dpi=90, bbox_inches="tight", facecolor="white")
    plt.close(figure)


if __name__ == "__main__":
    for draw in (similar_triangles, conventions, scene, ndc):
        draw()
