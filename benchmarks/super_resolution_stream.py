"""`SRDataset` with two workers against the usual torchvision pipeline."""

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

ITEMS, BATCH = 3200, 16


class Torchvision(Dataset):
    """The usual pipeline: open, crop, jitter, downscale."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.glob("*.jpg"))
        self.crop = transforms.Compose(
            [transforms.RandomCrop(64), transforms.ColorJitter(0.2, 0.2, 0.2, 0.2), transforms.ToTensor()]
        )
        self.downscale = transforms.Resize(32, antialias=True)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        high = self.crop(Image.open(self.files[index]).convert("RGB"))
        return self.downscale(high), high


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number in range(40):  # of about the size of those of BSDS500
            image = to_float(embedded("heldout")[number % 3])[:, :321, : 481 - number]
            Image.fromarray((image * 255).byte().permute(1, 2, 0).numpy()).save(folder / f"{number:02}.jpg", quality=92)

        def loader(data: Dataset) -> DataLoader:
            sampler = RandomSampler(data, replacement=True, num_samples=ITEMS)  # type: ignore[arg-type]
            return DataLoader(data, BATCH, sampler=sampler, num_workers=2, persistent_workers=True)

        dataset = SRDataset(folder)
        stream = dataset.stream(BATCH, seed=0)
        loaders = {"torchvision": loader(Torchvision(folder)), "SRDataset in a DataLoader": loader(dataset)}
        times: dict[str, list[float]] = {name: [] for name in [*loaders, "SRDataset.stream, as fit uses it"]}
        for number in range(4):
            for name, loading in loaders.items():
                times[name].append(_seconds(iter(loading)))
            times["SRDataset.stream, as fit uses it"].append(_seconds(batches(stream, 0, 1 + ITEMS // BATCH, workers=2)))
            if not number:  # to warm up
                times = {name: [] for name in times}
        medians = {name: sorted(values)[len(values) // 2] for name, values in times.items()}
        show(f"{ITEMS} pairs of 32 and 64 pixels, two workers", medians, against="torchvision")


def _seconds(source: object) -> float:
    """Of all batches after the first, when the workers have started."""
    next(source)  # type: ignore[call-overload]
    begun = time.perf_counter()
    for _ in source:  # type: ignore[attr-defined]
        pass
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
