"""A scene in the browser: rendered from where the person looks, with the cameras that took its photographs (viser)."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import viser
import viser.transforms
from jaxtyping import Float
from torch import Tensor

from darkroom.apps.views import shown_depth
from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_uint8
from darkroom.engine.folder import RunFolder
from darkroom.methods.radiance import RadianceMethod
from darkroom.radiance.cameras import Camera, converted
from darkroom.radiance.paths import flight, up_of
from darkroom.radiance.scenes import Scene, read_view
from darkroom.recipes import lookup

MOVING, STILL = 0.12, 3.0
"""Seconds that a rendering may take while the person moves, and when they rest."""

REST = 0.25
"""After so many seconds without a movement the person rests."""

SMALLEST, LARGEST = 24, 1600
"""Widths of renderings in pixels."""

_NOWHERE = "(choose one)"

FRUSTA = 60
"""So many cameras of a split are drawn at most."""


@dataclass
class Person:
    """One open page: when it last moved, and how wide what it shows was rendered."""

    client: Any
    moved: float = field(default_factory=time.monotonic)
    shown: int = 0


class Viewer:
    """Serves a run, and renders for whoever looks.

    Args:
        run: its folder, or a weights file.
        device: to render on.
        host, port: where the page is served; if the port is taken, the next free one.
        greatest: width of renderings at most; 0 for as wide as takes three seconds.

    Raises:
        DarkroomError: the run holds no scene.
    """

    def __init__(self, run: Path, device: torch.device, *, host: str, port: int, greatest: int = 0) -> None:
        self.run, self.device, self.greatest = run, device, greatest or LARGEST
        self.rate = 1e-5  # seconds a pixel, as last measured
        self.method: RadianceMethod
        self._stamp = 0
        self._people: dict[int, Person] = {}
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._load()
        self.server = viser.ViserServer(host=host, port=port, label=f"darkroom: {run}", verbose=False)
        self.port = self.server.get_port()
        self.up = up_of(self.method.space.poses.cpu()).numpy()
        self.server.scene.set_up_direction(tuple(self.up.tolist()))
        self._build(_photographs(run))
        self.server.on_client_connect(self._arrived)
        self.server.on_client_disconnect(self._left)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._closed.set()
        self._thread.join(timeout=10)
        self.server.stop()

    def refresh(self) -> bool:
        """Take the run's latest checkpoint, if it is newer than what is shown; true if it was."""
        if _stamp(self.run) == self._stamp:
            return False
        try:
            self._load()
        except (DarkroomError, RuntimeError):  # half of a stage: the next one is whole
            return False
        self._again()
        return True

    def _load(self) -> None:
        stamp = _stamp(self.run)
        method, self.step = lookup.scene(self.run)
        with self._lock:
            self.method, self._stamp = method.to(self.device), stamp

    def _build(self, scene: Scene | None) -> None:
        gui = self.server.gui
        self._words = gui.add_markdown("")
        self._shows = gui.add_dropdown("shows", ("colour", "depth", "opacity"))
        self._width = gui.add_slider("greatest width", min=SMALLEST, max=LARGEST, step=8, initial_value=self.greatest)
        self._cameras_shown = gui.add_checkbox("cameras", initial_value=True)
        self._shows.on_update(lambda _: self._again())
        self._width.on_update(lambda _: self._again())
        self._frusta: dict[str, Any] = {}
        listed = _cameras(self.method, scene)
        for number, (name, (camera, photograph)) in enumerate(listed.items()):
            if number % max(1, -(-len(listed) // FRUSTA)):
                continue
            color = (40, 90, 200) if name.startswith("training") else (210, 120, 20)
            handle = self.server.scene.add_camera_frustum(
                f"/cameras/{name}",
                fov=float(2 * np.arctan(camera.height / (2 * camera.fy))),
                aspect=camera.width / camera.height,
                scale=0.2,
                color=color,
                image=None if photograph is None else photograph(),
                wxyz=_turn(camera),
                position=camera.centre.numpy(),
            )
            handle.on_click(partial(self._go, name, camera))
            self._frusta[name] = handle
        chooser = gui.add_dropdown("go to camera", (_NOWHERE, *listed))
        chooser.on_update(
            lambda event: None if chooser.value == _NOWHERE else self._go(chooser.value, listed[chooser.value][0], event)
        )
        self._cameras_shown.on_update(lambda _: self._show_cameras())

    def _show_cameras(self, but: str = "") -> None:
        """Draw the cameras or not; never the one that somebody stands in."""
        for name, handle in self._frusta.items():
            handle.visible = self._cameras_shown.value and name != but

    def _arrived(self, client: Any) -> None:
        person = Person(client)
        self._people[client.client_id] = person
        self._place(client, self._entrance())

        @client.camera.on_update
        def _(_: Any) -> None:
            person.moved, person.shown = time.monotonic(), 0

    def _entrance(self) -> Camera:
        """Where everybody begins: on the flight's way, a good step behind the cameras, so that these are seen too."""
        space = self.method.space
        first = flight(space, 2)[0]
        if bool(space.forward_facing):
            return first
        back = 0.6 * (first.centre - space.centre.cpu())
        return replace(first, pose=torch.cat([first.pose[:, :3], (first.centre + back)[:, None]], 1))

    def _left(self, client: Any) -> None:
        self._people.pop(client.client_id, None)

    def _go(self, name: str, camera: Camera, event: Any) -> None:
        self._show_cameras(but=name)
        self._place(event.client, camera)

    def _place(self, client: Any, camera: Camera) -> None:
        """Stand where a camera stands and look where it looks, as far away as the scene's middle is."""
        centre = camera.centre.numpy().astype(float)
        ahead = -camera.pose[:, 2].numpy().astype(float)
        away = max(0.5, float(ahead @ (self.method.space.centre.cpu().numpy() - centre)))
        with client.atomic():
            client.camera.up_direction = self.up
            client.camera.position = centre
            client.camera.prepare = centre + away * ahead
            client.camera.fov = float(2 * np.arctan(camera.height / (2 * camera.fy)))

    def _again(self) -> None:
        for person in self._people.values():
            person.shown = 0

    def _work(self) -> None:
        while not self._closed.wait(0.02):
            for person in list(self._people.values()):
                try:
                    self._serve(person)
                except (AssertionError, RuntimeError, KeyError):  # the page has not said yet where it looks, or has just left
                    person.shown = 0

    def _serve(self, person: Person) -> None:
        """Render for a person if there is something better to show: small while they move, larger when they rest."""
        camera, rests = person.client.camera, time.monotonic() - person.moved > REST
        width = width_for(
            STILL if rests else MOVING, self.rate, camera.aspect, min(self._width.value, camera.image_width or LARGEST)
        )
        if person.shown >= width:
            return
        seen = camera_of(camera.wxyz, camera.position, camera.fov, camera.aspect, width)
        begun = time.monotonic()
        with self._lock:
            image = self.image(seen)
        taken = time.monotonic() - begun
        self.rate = 0.5 * self.rate + 0.5 * taken / (seen.width * seen.height)
        person.client.scene.set_background_image(image, format="jpeg", jpeg_quality=90)
        person.shown = width
        self._words.content = f"step {self.step} · {seen.width} × {seen.height} in {taken:.2f} s"

    def image(self, camera: Camera) -> np.ndarray:
        """What a camera sees, as the page is to show it: (height, width, 3) bytes."""
        colour, depth, opacity = self.method.view(camera)
        if self._shows.value == "depth":
            colour = shown_depth(depth, opacity, self.method)
        elif self._shows.value == "opacity":
            colour = opacity.expand(3, -1, -1)
        return to_uint8(colour.clamp(0, 1)).permute(1, 2, 0).cpu().numpy()


def camera_of(wxyz: Any, position: Any, fov: float, aspect: float, width: int) -> Camera:
    """Our camera for viser's: orientation as a quaternion with axes as in opencv, vertical angle of view in radians."""
    height = max(1, round(width / aspect))
    focal = 0.5 * height / float(np.tan(fov / 2))
    turn = torch.from_numpy(viser.transforms.SO3(np.asarray(wxyz)).as_matrix()).float()
    pose: Float[Tensor, "3 4"] = torch.cat([turn, torch.as_tensor(np.asarray(position)).float()[:, None]], 1)
    return Camera(width, height, focal, focal, width / 2, height / 2, converted(pose, "opencv"))


def width_for(seconds: float, rate: float, aspect: float, greatest: int) -> int:
    """The width of an image that takes so many seconds, in steps of a quarter so that it does not flicker."""
    wanted = (seconds / rate * aspect) ** 0.5
    stepped = SMALLEST * 1.25 ** int(np.log(max(1.0, wanted / SMALLEST)) / np.log(1.25))
    return max(SMALLEST, min(int(stepped), greatest))


def _turn(camera: Camera) -> np.ndarray:
    """viser's quaternion of a camera of ours."""
    matrix = converted(camera.pose, "opengl", "opencv")[:, :3].double().numpy()
    return viser.transforms.SO3.from_matrix(matrix).wxyz


def _stamp(run: Path) -> int:
    last = RunFolder(run).last if run.is_dir() else run
    return last.stat().st_mtime_ns if last.exists() else 0


def _photographs(run: Path) -> Scene | None:
    """The scene that a run learned from, if it is still there."""
    try:
        return lookup.scene_of(run)
    except DarkroomError:
        return None


def _cameras(method: RadianceMethod, scene: Scene | None) -> dict[str, tuple[Camera, Callable[[], np.ndarray] | None]]:
    """Every camera by what the list calls it, with its photograph, if that is there."""
    if scene is None:
        return {f"training {number}": (camera, None) for number, camera in enumerate(method.space.cameras)}
    found: dict[str, tuple[Camera, Callable[[], np.ndarray] | None]] = {}
    for split, words in (("train", "training"), ("test", "test")):
        for view in scene.views.get(split, ()):
            small = view.camera.of_width(128)

            def photograph(path: Path = view.path, camera: Camera = small) -> np.ndarray:
                return read_view(path, camera, method.background).permute(1, 2, 0).numpy()

            found[f"{words} {view.name}"] = (view.camera, photograph)
    return found
