"""Every process and sampler on a mixture of Gaussians whose score is known: does it reach the distribution, without a network?

The mixture has three tenths of its mass at −0.5 ± 0.2 and seven at 0.5 ± 0.1: mean 0.2, standard deviation 0.479. A sample has 64
independent values, so that the norms of the Langevin corrector are those of a vector.
"""

import torch

from darkroom.core.randomness import generator
from darkroom.processes.mixture import Mixture
from darkroom.processes.samplers.named import NAMES, sampler
from darkroom.processes.sde import DDPM, SDE, SMLD, VE, VP, SubVP

MIXTURE = Mixture([0.3, 0.7], [-0.5, 0.5], [0.2, 0.1])
STEPS = {"langevin": 1000, "annealed_langevin": 1000, "heun": 50, "dpm_solver": 50, "flow_heun": 100}
USUAL_STEPS = 300


def processes() -> list[SDE]:
    """The continuous and the discrete ones."""
    return [VE(), VP(), SubVP(), SMLD(1000), DDPM(1000)]


def main() -> None:
    shape = (500, 64)
    print(f"exact: mean {MIXTURE.mean:.3f}, deviation {MIXTURE.deviation:.3f}; {shape[0] * shape[1]} values each")
    floor = MIXTURE.wasserstein(MIXTURE.sample(shape, generator(1)))
    print(f"{'draws of the mixture itself':40s} {'':26s} W1 {floor:.4f}")
    for sde in processes():
        print(sde)
        for name in NAMES:
            steps = STEPS.get(name, USUAL_STEPS)
            samples, evaluations = sampler(name, sde)(MIXTURE.score(sde), sde, shape, generator(0, str(sde), name), steps)
            right = float((samples > 0).double().mean())
            print(
                f"  {name:38s} {evaluations:6.0f} evaluations: mean {samples.mean():.3f}, deviation {samples.std():.3f}, "
                f"above 0 {right:.3f}, W1 {MIXTURE.wasserstein(samples):.4f}"
            )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
