"""Run the named benchmarks, or all of them."""

import importlib
import sys

ALL = (
    "fit_overhead",
    "stream_speed",
    "apply_speed",
    "engine_speed",
    "restore_throughput",
    "apply_memory",
    "super_resolution_stream",
    "upscale_speed",
    "scratch_speed",
    "radiance_speed",
    "score_speed",
    "ddls_speed",
    "sampler_moments",
    "hash_speed",
    "hash_kernels",
    "varying_blur_speed",
    "deblurring_speed",
    "frechet_speed",
)

for name in sys.argv[1:] or ALL:
    importlib.import_module(f"benchmarks.{name}").main()
