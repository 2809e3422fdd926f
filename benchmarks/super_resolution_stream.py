"""`SRDataset` with two workers against the usual torchvision pipeline, written plainly."""

import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import transforms

from benchmarks.side_by_side import show
from darkroom.core.images import to_float
from darkroom.data.embedded import embedded
from darkroom.data.streams import batches
from darkroom.data.super_resolution import SRDataset
from darkroom.recipes import lookup

ITEMS, BATCH = 3200, 16


class Plain(Dataset):
    """As it is written in a course: open, crop, jitter, reduce."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.glob("*.jpg"))
        self.crop = transforms.Compose(
            [transforms.RandomCrop(64), transforms.ColorJitter(0.2, 0.2, 0.2, 0.2), transforms.ToTensor()]
        )
        self.reduce = transforms.Resize(32, antialias=True)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        high = self.crop(Image.open(self.files[index]).convert("RGB"))
        return self.reduce(high), high


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(40):  # as large as BSDS500's
            image = to_float(embedded("heldout")[number % 3])[:, :321, : 481 - number]
            Image.fromarray((image * 255).byte().permute(1, 2, 0).numpy()).save(folder / f"{number:02}.jpg", quality=92)

        def loader(data: Dataset) -> DataLoader:
            sampler = RandomSampler(data, replacement=True, num_samples=ITEMS)  # type: ignore[arg-type]
            return DataLoader(data, BATCH, sampler=sampler, num_workers=2, persistent_workers=True)

        row = {**lookup.row("basic_sr", "baseline"), "photos": str(folder), "test_set": "embedded", "batch": BATCH}
        stream = lookup.build("basic_sr", row).stream
        stream.open()
        ways = {
            "torchvision, written plainly": loader(Plain(folder)),
            "SRDataset in a plain loader": loader(SRDataset(folder)),
        }
        times: dict[str, list[float]] = {name: [] for name in [*ways, "the stream that fit uses"]}
        for number in range(4):
            for way, loading in ways.items():
                times[way].append(_seconds(iter(loading)))
            source = batches(stream, 0, 2 + ITEMS // BATCH, workers=2)
            times["the stream that fit uses"].append(_seconds(source))
            if not number:
                times = {way: [] for way in times}
        medians = {way: sorted(values)[len(values) // 2] for way, values in times.items()}
        show(f"{ITEMS} pairs of 32 and 64 pixels, two workers", medians, against="torchvision, written plainly")


def _seconds(source: object) -> float:
    """From the second batch on: workers are started by then."""
    next(source)  # type: ignore[call-overload]
    begun = time.perf_counter()
    for _ in source:  # type: ignore[attr-defined]
        pass
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
