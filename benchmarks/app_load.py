"""Twenty visitors of `darkroom app` at once: the time that they wait, and the memory of the server.

taskset -c 0 python -m benchmarks.app_load --visitors 20 --side 512
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image
from tests.apps.visitors import restored

from darkroom.data.embedded import embedded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--side", type=int, default=512, help="of the photographs, in pixels")
    parser.add_argument("--port", type=int, default=17871)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photos = _photos(Path(folder), given.visitors, given.side)
        command = [sys.executable, "-m", "darkroom", "app", folder, "--port", str(given.port)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split(";")[0]
            print(f"server at {address}: {_megabytes(server.pid)} MiB at most")
            for count in (1, given.visitors):
                begun = time.monotonic()
                with ThreadPoolExecutor(count) as visitors:
                    said = list(visitors.map(lambda photo: restored(address, photo, "Denoise"), photos[:count]))
                done = sum("1 of 1 images restored." in words for words in said)
                print(
                    f"{count} visitors with {given.side}x{given.side} pixels each: {done} served in "
                    f"{time.monotonic() - begun:.1f} s, {_megabytes(server.pid)} MiB at most"
                )
        finally:
            server.terminate()
            server.wait(timeout=30)


def _photos(folder: Path, count: int, side: int) -> list[Path]:
    """Photographs of one size and of different content."""
    photo = Image.fromarray(embedded("heldout")[0].permute(1, 2, 0).numpy()).resize((side, side))
    paths = [folder / f"photo{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        photo.rotate(number).save(path)
    return paths


def _megabytes(process: int) -> int:
    """The largest memory that a process has had, in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) // 1024 if found else 0


if __name__ == "__main__":
    main()
