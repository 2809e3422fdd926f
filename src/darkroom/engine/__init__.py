"""The one training loop and what stands around it: checkpoints, judging, run folders, applying."""
