"""The one training loop and what stands around it: checkpoints, evaluating, run folders, applying."""
