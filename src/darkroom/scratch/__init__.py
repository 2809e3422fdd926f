"""A neural-network framework without autograd: every module knows its own derivative.

It uses the standard library, `torch.empty`, `torch.cat`, `torch.arange`, `fold` and `unfold`, and what tensors can do
themselves; it works under `torch.set_grad_enabled(False)` and knows nothing of the rest of this package.
"""
