"""An interactive viewer of a trained scene in the browser, with its training and test cameras (viser)."""

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

from darkroom.apps.addresses import PORT, check_local, own_pages_only
from darkroom.apps.views import depth_map
from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_uint8
from darkroom.engine.folder import RunFolder
from darkroom.methods.radiance import RadianceMethod
from darkroom.radiance.cameras import Camera, convert
from darkroom.radiance.paths import flight, up_of
from darkroom.radiance.scenes import Scene, View, read_view
from darkroom.recipes import trained
from darkroom.recipes.ranges import AT_LEAST_0, check
from darkroom.recipes.setting_types import check_type

MOVING, STILL = 0.12, 3.0
"""Seconds that a rendering may take while the camera moves, and when it does not."""

REST = 0.25
"""Seconds without movement after which the camera counts as still."""

MIN_WIDTH, MAX_WIDTH = 24, 1600
"""Widths of renderings in pixels."""

FRUSTA = 60
"""Largest number of cameras of a split that are drawn."""

_NONE = "(choose one)"


@dataclass
class Page:
    """A browser page: when its camera last moved, and the width of the rendering that it shows."""

    client: Any
    moved: float = field(default_factory=time.monotonic)
    shown: int = 0


class Viewer:
    """Serves a scene and renders for every open page.

    Args:
        run: a run's folder, or a weights file.
        device: to render on.
        host: address to listen on; 0.0.0.0 for access from other computers, of which none is refused. Of browsers, only the
            viewer's own page is answered.
        port: of the page; if it is taken, the next free one.
        max_width: of renderings; 0 for as wide as can be rendered in three seconds.
        recipe: path of the recipe's file, for a recipe outside the package.

    Raises:
        DarkroomError: the run is not a scene, the host is not an address of this computer, or a number is outside its range.
    """

    def __init__(
        self,
        run: Path,
        device: torch.device,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        max_width: int = 0,
        recipe: str | None = None,
    ) -> None:
        for name, number, allowed in (("port", port, PORT), ("max_width", max_width, AT_LEAST_0)):
            check_type(name, number, int)
            check({name: number}, {name: allowed})
        check_local(host)
        self.run, self.recipe, self.device, self.max_width = run, recipe, device, max_width or MAX_WIDTH
        self.seconds_per_pixel = 1e-5
        self.method: RadianceMethod
        self._stamp = 0
        self._pages: dict[int, Page] = {}
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._load()
        with own_pages_only(host):
            self.server = viser.ViserServer(host=host, port=port, label=f"darkroom: {run}", verbose=False)
        self.port = self.server.get_port()
        self.up = up_of(self.method.space.poses.cpu()).numpy()
        self.server.scene.set_up_direction(tuple(self.up.tolist()))
        cameras = _cameras(self.method, _training_scene(run, recipe))
        self._build_controls(cameras)
        self._build_frusta(cameras)
        self.server.on_client_connect(self._connected)
        self.server.on_client_disconnect(self._disconnected)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._closed.set()
        self._thread.join(timeout=10)
        self.server.stop()

    def refresh(self) -> bool:
        """Load the run's latest checkpoint if it is newer than the one shown; returns whether it was."""
        if _stamp(self.run) == self._stamp:
            return False
        try:
            self._load()
        except (DarkroomError, RuntimeError):  # an incomplete checkpoint; the next one is tried
            return False
        self._render_again()
        return True

    def _load(self) -> None:
        stamp = _stamp(self.run)
        method, self.step = trained.scene(self.run, self.recipe)
        with self._lock:
            self.method, self._stamp = method.to(self.device), stamp

    def _build_controls(self, cameras: "Cameras") -> None:
        gui = self.server.gui
        self._status = gui.add_markdown("")
        self._shows = gui.add_dropdown("show", ("colour", "depth", "opacity"))
        self._width = gui.add_slider(
            "largest width", min=MIN_WIDTH, max=MAX_WIDTH, step=8, initial_value=max(MIN_WIDTH, min(self.max_width, MAX_WIDTH))
        )
        self._cameras_shown = gui.add_checkbox("cameras", initial_value=False)
        self._shows.on_update(lambda _: self._render_again())
        self._width.on_update(lambda _: self._render_again())
        self._cameras_shown.on_update(lambda _: self._show_frusta())
        chooser = gui.add_dropdown("go to camera", (_NONE, *cameras))
        chooser.on_update(
            lambda event: None if chooser.value == _NONE else self._go(chooser.value, cameras[chooser.value][0], event)
        )

    def _build_frusta(self, cameras: "Cameras") -> None:
        self._frusta: dict[str, Any] = {}
        for number, (name, (camera, photograph)) in enumerate(cameras.items()):
            if number % max(1, -(-len(cameras) // FRUSTA)):
                continue
            handle = self.server.scene.add_camera_frustum(
                f"/cameras/{name}",
                fov=float(2 * np.arctan(camera.height / (2 * camera.fy))),
                aspect=camera.width / camera.height,
                scale=0.1,
                visible=False,
                color=(40, 90, 200) if name.startswith("training") else (210, 120, 20),
                image=None if photograph is None else photograph(),
                wxyz=_quaternion(camera),
                position=camera.centre.numpy(),
            )
            handle.on_click(partial(self._go, name, camera))
            self._frusta[name] = handle

    def _show_frusta(self, except_for: str = "") -> None:
        """Show or hide the cameras; the one that a page views from is always hidden."""
        for name, handle in self._frusta.items():
            handle.visible = self._cameras_shown.value and name != except_for

    def _connected(self, client: Any) -> None:
        page = Page(client)
        self._pages[client.client_id] = page
        self._place(client, flight(self.method.space, 2)[0])  # facing the scene, as the training cameras do

        @client.camera.on_update
        def _(_: Any) -> None:
            page.moved, page.shown = time.monotonic(), 0

    def _disconnected(self, client: Any) -> None:
        self._pages.pop(client.client_id, None)

    def _go(self, name: str, camera: Camera, event: Any) -> None:
        self._show_frusta(except_for=name)
        self._place(event.client, camera)

    def _place(self, client: Any, camera: Camera) -> None:
        """Move a page's view to a camera, to orbit around the point of its optical axis at the depth of the scene's centre."""
        centre = camera.centre.numpy().astype(float)
        ahead = -camera.pose[:, 2].numpy().astype(float)
        depth = max(0.5, float(ahead @ (self.method.space.centre.cpu().numpy() - centre)))
        with client.atomic():
            client.camera.up_direction = self.up
            client.camera.position = centre
            client.camera.look_at = centre + depth * ahead
            client.camera.fov = float(2 * np.arctan(camera.height / (2 * camera.fy)))

    def _render_again(self) -> None:
        for page in self._pages.values():
            page.shown = 0

    def _work(self) -> None:
        while not self._closed.wait(0.02):
            for page in list(self._pages.values()):
                try:
                    self._serve(page)
                except (AssertionError, RuntimeError, KeyError):  # the page has not sent its camera yet, or has just closed
                    page.shown = 0

    def _serve(self, page: Page) -> None:
        """Render for a page if the rendering would be wider than the one it shows: small while moving, large when still."""
        camera, still = page.client.camera, time.monotonic() - page.moved > REST
        limit = min(self._width.value, camera.image_width or MAX_WIDTH)
        width = width_for(STILL if still else MOVING, self.seconds_per_pixel, camera.aspect, limit)
        if page.shown >= width:
            return
        viewed = camera_of(camera.wxyz, camera.position, camera.fov, camera.aspect, width)
        begun = time.monotonic()
        with self._lock:
            image = self.image(viewed)
        seconds = time.monotonic() - begun
        self.seconds_per_pixel = 0.5 * self.seconds_per_pixel + 0.5 * seconds / (viewed.width * viewed.height)
        page.client.scene.set_background_image(image, format="jpeg", jpeg_quality=90)
        page.shown = width
        self._status.content = f"step {self.step} · {viewed.width} × {viewed.height} in {seconds:.2f} s"

    def image(self, camera: Camera) -> np.ndarray:
        """The rendering of a camera in the chosen mode (colour, depth or opacity), `(height, width, 3)` uint8."""
        colour, depth, opacity = self.method.view(camera)
        if self._shows.value == "depth":
            colour = depth_map(depth, opacity, self.method)
        elif self._shows.value == "opacity":
            colour = opacity.expand(3, -1, -1)
        return to_uint8(colour.clamp(0, 1)).permute(1, 2, 0).cpu().numpy()


def camera_of(wxyz: Any, position: Any, fov: float, aspect: float, width: int) -> Camera:
    """A camera from viser's parameters.

    Args:
        wxyz: orientation as a quaternion, opencv axes.
        position: centre in world coordinates.
        fov: vertical field of view in radians.
        aspect: width over height.
        width: of the image in pixels.
    """
    height = max(1, round(width / aspect))
    focal = 0.5 * height / float(np.tan(fov / 2))
    rotation = torch.from_numpy(viser.transforms.SO3(np.asarray(wxyz)).as_matrix()).float()
    pose: Float[Tensor, "3 4"] = torch.cat([rotation, torch.as_tensor(np.asarray(position)).float()[:, None]], 1)
    return Camera(width, height, focal, focal, width / 2, height / 2, convert(pose, "opencv"))


def width_for(seconds: float, seconds_per_pixel: float, aspect: float, max_width: int) -> int:
    """The width of an image that can be rendered in a given time, in steps of a factor of 1.25 so that it does not flicker."""
    ideal = (seconds / seconds_per_pixel * aspect) ** 0.5
    stepped = MIN_WIDTH * 1.25 ** int(np.log(max(1.0, ideal / MIN_WIDTH)) / np.log(1.25))
    return max(MIN_WIDTH, min(int(stepped), max_width))


def _quaternion(camera: Camera) -> np.ndarray:
    """Orientation of a camera as viser's quaternion."""
    matrix = convert(camera.pose, "opengl", "opencv")[:, :3].double().numpy()
    return viser.transforms.SO3.from_matrix(matrix).wxyz


def _stamp(run: Path) -> int:
    last = RunFolder(run).last if run.is_dir() else run
    return last.stat().st_mtime_ns if last.exists() else 0


def _training_scene(run: Path, recipe: str | None) -> Scene | None:
    """The photographs that a run was trained on, where they still exist."""
    try:
        return trained.training_scene(run, recipe)
    except DarkroomError:
        return None


Cameras = dict[str, tuple[Camera, Callable[[], np.ndarray] | None]]
"""Cameras and their photographs, by the name that the list shows."""


def _cameras(method: RadianceMethod, scene: Scene | None) -> Cameras:
    """Training and test cameras, with their photographs where these exist."""
    if scene is None:
        return {f"training {number}": (camera, None) for number, camera in enumerate(method.space.cameras)}
    found: Cameras = {}
    for split, title in (("train", "training"), ("test", "test")):
        for view in scene.views.get(split, ()):
            small = replace(view, camera=view.camera.with_width(128))

            def photograph(view: View = small) -> np.ndarray:
                return read_view(view, method.background).permute(1, 2, 0).numpy()

            found[f"{title} {view.name}"] = (view.camera, photograph)
    return found
