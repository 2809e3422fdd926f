"""Diffusion processes, samplers and likelihoods: everything about generation that knows no network."""
