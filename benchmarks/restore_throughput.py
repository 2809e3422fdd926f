"""Images a second of `restore_files` against processes: photographs of 512×512, one thread a process, the shipped denoiser."""

import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path

import torch

from darkroom.core import images
from darkroom.core.images import to_float
from darkroom.data.embedded import embedded
from darkroom.workflows.restore import make_restorer, restore_files

COUNT = 16


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "photos")
        photos.mkdir()
        clean = to_float(embedded("heldout")[0][:, :512, :512])
        for number in range(COUNT):
            images.write(photos / f"{number}.png", images.ImageFile(clean.roll(number, dims=-1)))
        print(f"\n{COUNT} photographs of 512x512, denoise of the package, float32, 1 thread a process")
        for processes in (1, 2):
            begun = time.perf_counter()
            used = _processor_seconds()
            _run(photos, Path(folder, str(processes)), processes)
            seconds, processor = time.perf_counter() - begun, _processor_seconds() - used
            print(
                f"  {processes} process(es): {COUNT / seconds:6.2f} images/s; {processor / COUNT:.2f} s of processor time an image"
            )


def _run(photos: Path, output: Path, processes: int) -> None:
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=_work, args=(photos, output, number, processes)) for number in range(processes)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert len(list(output.glob("*.png"))) == COUNT


def _work(photos: Path, output: Path, number: int, processes: int) -> None:
    os.environ.update(RANK=str(number), WORLD_SIZE=str(processes), LOCAL_RANK=str(number))
    restorer = make_restorer("denoise", precision="32", accelerator="cpu")
    restore_files(photos, output, restorer)


def _processor_seconds() -> float:
    """Of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
