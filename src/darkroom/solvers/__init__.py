"""Classical algorithms of image restoration, and plug-and-play solvers that use a denoiser as the prior."""
