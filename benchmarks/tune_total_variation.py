"""The best weight of total variation by PSNR on the embedded training photographs, for a fair baseline."""

import torch
from skimage.restoration import denoise_tv_chambolle

from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.metrics.fidelity import psnr
from darkroom.operators.noise import Gaussian


def main() -> None:
    for sigma in (15.0, 25.0, 50.0):
        scores = {}
        for weight in (0.6, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.7, 2.0, 2.4):
            values = []
            for position, image in enumerate(embedded("train")):
                clean = to_float(image[:, :256, :256])
                noisy, level = Gaussian(sigma)(clean, generator(position))
                denoised = denoise_tv_chambolle(
                    noisy.permute(1, 2, 0).double().numpy(), weight=weight * level.item(), max_num_iter=200, channel_axis=-1
                )
                values.append(psnr(torch.from_numpy(denoised).permute(2, 0, 1)[None].float(), clean[None]).item())
            scores[weight] = sum(values) / len(values)
        print(f"sigma {sigma:g}: " + ", ".join(f"{weight} {score:.2f}" for weight, score in scores.items()))


if __name__ == "__main__":
    main()
