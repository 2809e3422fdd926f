"""A small neural-network framework without autograd: every module computes its own gradients.

It uses the standard library, `torch.empty`, `torch.cat`, `torch.arange`, `fold`, `unfold` and methods of tensors. It works
under `torch.set_grad_enabled(False)` and does not depend on the rest of this package.

Example:
    >>> import torch
    >>> from darkroom.scratch.activation import ReLU
    >>> from darkroom.scratch.convolution import Conv2d
    >>> from darkroom.scratch.loss import MSE
    >>> from darkroom.scratch.module import Sequential
    >>> from darkroom.scratch.optimizer import Adam
    >>> network, loss = Sequential(Conv2d(3, 8, 3, padding=1), ReLU(), Conv2d(8, 3, 3, padding=1)), MSE()
    >>> optimizer = Adam(network.param(), lr=1e-2)
    >>> x, values = torch.full((4, 3, 8, 8), 0.5), []
    >>> with torch.set_grad_enabled(False):
    ...     for _ in range(50):
    ...         values.append(float(loss(network(x), x)))
    ...         optimizer.zero_grad()
    ...         _ = network.backward(loss.backward())
    ...         optimizer.step()
    >>> values[-1] < 0.5 * values[0]
    True
"""
