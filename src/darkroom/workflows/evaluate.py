"""Evaluate weights by the protocols of the published tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Evaluation, Outcome
from darkroom.core.method import Method
from darkroom.core.network import RestorationNetwork
from darkroom.core.record import Result
from darkroom.data.named_sets import evaluation_images
from darkroom.engine.baselines import baseline_outcome, is_cached
from darkroom.engine.devices import device_name
from darkroom.engine.folder import weights_file
from darkroom.engine.prepare import open_evaluations
from darkroom.engine.results import results_of
from darkroom.engine.run import Run
from darkroom.methods.regression import Regression, half_squared_error
from darkroom.metrics.fidelity import psnr
from darkroom.operators.resample import Kernel
from darkroom.recipes import trained
from darkroom.recipes.paths import weights_paths
from darkroom.recipes.protocols import compression, deblurring, denoising, super_resolution
from darkroom.recipes.ranges import AT_LEAST_0, QUALITY, check_fields
from darkroom.recipes.setting_types import check_types
from darkroom.workflows.options import Accelerator
from darkroom.workflows.own_device import own_device
from darkroom.workflows.scored_images import ScoredImages

Progress = Callable[[str, int, int], None]
"""Called with what is evaluated, the number of examples done, and their total."""

Partial = Callable[["Comparison"], None]
"""Called after every evaluation with the results so far."""

Baselines = Literal["cached", "all", "again"]
"""Which baselines are evaluated: those that take no time or are in the cache, all, or all anew."""

INSTANT = frozenset({"noisy input", "compressed input", "blurred input", "bilinear", "bicubic", "nearest photograph"})
"""Baselines that take no time."""


@dataclass(frozen=True)
class Protocol:
    """How weights are evaluated.

    Args:
        test_sets: "embedded", "bsd68", "set5" and the like, or folders or zip files of images; by default bsd68, or set5 for
            super-resolution. Scenes and other weights are evaluated as their recipe does.
        test_sigmas: noise levels of denoising on the 0–255 scale.
        quantised: clip the noisy image and round it to 8 bits.
        test_qualities: qualities of JPEG; if there are any, images are compressed instead of noisy, and small images that are to be
            enlarged after they were reduced.
        reduction: the kernel of downscaling; "matlab" is the published tables' bicubic.

    Raises:
        DarkroomError: a noise level or a quality is out of range.
    """

    test_sets: Sequence[str] = ()
    test_sigmas: Annotated[Sequence[float], AT_LEAST_0] = (15.0, 25.0, 50.0)
    quantised: bool = False
    test_qualities: Annotated[Sequence[float], QUALITY] = ()
    reduction: Kernel = "matlab"

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.test_sigmas:
            raise DarkroomError("at least one noise level is needed, for example --test-sigmas 25")


@dataclass(frozen=True)
class Comparison:
    """Weights and baselines on the same evaluations.

    Args:
        results: one for each method, evaluation and metric.
        evaluations: open, in the table's order.
        names: of the weights.
        device: that the weights were evaluated on.
        complete: whether every image is scored; other processes that share the images may not have ended.
    """

    results: list[Result]
    evaluations: Sequence[Evaluation]
    names: list[str]
    device: str
    complete: bool = True


def evaluate(
    weights: str | Path | Sequence[str | Path],
    test_set: str | Sequence[str] | None = None,
    *,
    test_sigmas: Sequence[float] = (15.0, 25.0, 50.0),
    quantised: bool = False,
    test_qualities: Sequence[float] = (),
    reduction: Kernel = "matlab",
    baselines: Baselines = "cached",
    accelerator: Accelerator = "auto",
    recipe: str | None = None,
    scores: str | Path | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """Evaluate weights by the protocol of the published tables.

    Networks for super-resolution are evaluated on downscaled images (PSNR and SSIM on luma, border cropped), other restoration
    networks as denoisers (Gaussian noise, PSNR and SSIM over all channels). Networks for blind deblurring and all other weights are
    evaluated as their recipe does.

    Args:
        weights: a run's folder, "recipe/row" for one below `runs/`, a weights file, another program's checkpoint; or several.
        test_set: one or several of `Protocol.test_sets`.
        test_sigmas, quantised, test_qualities, reduction: see `Protocol`.
        baselines: "cached" for those that take no time or were evaluated before, "all", or "again" to evaluate all anew.
        accelerator: device to compute on.
        recipe: the recipe's file, for weights of a recipe outside the package.
        scores: a folder that keeps the scores of every image, so that an interrupted evaluation is resumed. Processes of torchrun or
            Slurm share the images; each returns the results that are complete when it ends.
        progress: called after every example.

    Raises:
        DarkroomError: weights cannot be read, the test set is missing, or the weights cannot be compared with each other.

    Example:
        >>> results = evaluate("dncnn/laptop", "bsd68", test_sigmas=[25.0])  # doctest: +SKIP
        >>> {(result.method, result.metric): round(result.value, 2) for result in results}  # doctest: +SKIP
        {('laptop', 'psnr'): 30.08, ('laptop', 'ssim'): 0.86, ('noisy input', 'psnr'): 20.27, ('noisy input', 'ssim'): 0.43}
    """
    check_types(evaluate, {"quantised": quantised, "reduction": reduction, "baselines": baselines, "accelerator": accelerator})
    test_sets = () if test_set is None else (test_set,) if isinstance(test_set, str) else tuple(test_set)
    protocol = Protocol(test_sets, tuple(test_sigmas), quantised, tuple(test_qualities), reduction)
    given = [weights] if isinstance(weights, str | Path) else weights
    folder = None if scores is None else Path(scores)
    options = {"baselines": baselines, "accelerator": accelerator, "recipe": recipe, "scores": folder, "progress": progress}
    return compare(given, protocol, **options).results  # type: ignore[arg-type]


def compare(
    weights: Sequence[str | Path],
    protocol: Protocol,
    *,
    baselines: Baselines = "cached",
    accelerator: Accelerator = "auto",
    recipe: str | None = None,
    scores: Path | None = None,
    progress: Progress | None = None,
    partial_results: Partial | None = None,
) -> Comparison:
    """Several weights and the baselines on the same evaluations; arguments and errors as for `evaluate`.

    `partial_results` is called after every evaluation with the results so far.
    """
    device, kept = own_device(accelerator), None if scores is None else ScoredImages(scores)
    entries = _entries(_by_name(weights), protocol, recipe)
    shown, results = progress or _no_progress, list[Result]()
    found = Comparison(results, entries[0].evaluations, [entry.name for entry in entries], device_name(device))
    for number, common in enumerate(entries[0].evaluations):
        common.open()
        for entry in entries:
            evaluation, method = entry.evaluations[number], entry.method.to(device).eval()
            evaluation.open()
            report, predictor = partial(shown, f"{entry.name}: {evaluation.title}"), evaluation.predictor(method)
            if kept is None:
                outcome: Outcome | None = evaluation.evaluate(predictor, device, report)
            else:
                outcome = kept.evaluate(entry.name, entry.files, evaluation, predictor, device, report)
            results += results_of(entry.name, evaluation, outcome, device_name(device)) if outcome else []
            if partial_results:
                partial_results(found)
        if kept is None or kept.complete:
            results += _baselines(common, baselines, shown)
        if partial_results:
            partial_results(found)
    return found if kept is None or kept.finish() else replace(found, complete=False)


@dataclass(frozen=True)
class _Entry:
    """Weights to evaluate, their files, and the evaluations of the protocol, in the same order for all weights."""

    name: str
    files: Sequence[Path]
    method: Method
    evaluations: Sequence[Evaluation]


def _by_name(weights: Sequence[str | Path]) -> dict[str, Path]:
    """Paths by their last part, or whole if that is not unique."""
    paths = weights_paths(weights)
    unique = len({path.name for path in paths}) == len(paths)
    return {path.name if unique else str(path): path for path in paths}


def _entries(paths: Mapping[str, Path], protocol: Protocol, recipe: str | None) -> list[_Entry]:
    stated = {name: trained.kind_of(path) for name, path in paths.items()}
    own = {name: trained.run(paths[name], recipe) for name, kind in stated.items() if kind == "restoration"}
    kinds = {name: kind or "restoration" for name, kind in stated.items()}
    kinds |= {name: "blind deblurring" for name, run in own.items() if _deblurs(run)}
    if set(kinds.values()) == {"restoration"}:
        networks = {name: _network(own.get(name), path, recipe) for name, path in paths.items()}
        _require_one_convention(networks)
        return [
            _Entry(name, _files(paths[name], recipe), Regression(network, half_squared_error), _evaluations(network, protocol))
            for name, network in networks.items()
        ]
    if len(paths) > 1:
        listed = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
        raise DarkroomError(
            f"only denoisers and networks that enlarge are compared in one table; given {listed}: evaluate them one by one"
        )
    if protocol.test_sets:
        raise DarkroomError(
            f"--test-set {' '.join(protocol.test_sets)} is for denoisers and networks that enlarge; these weights are evaluated as their recipe does"
        )
    ((name, path),) = paths.items()
    run = own.get(name) or trained.run(path, recipe)
    return [_Entry(name, _files(path, recipe), run.method, open_evaluations(run.evaluations)[0])]


def _network(run: Run | None, path: Path, recipe: str | None) -> RestorationNetwork:
    """The network of a run that is read already, or else of the path."""
    if run is not None and isinstance(run.network, RestorationNetwork):
        return run.network.eval()
    return trained.network(path, recipe)


def _deblurs(run: Run) -> bool:
    """Whether a run's network removes an unknown blur, which the standard protocols do not evaluate."""
    return any(deblurring.blurred_input in evaluation.baselines.values() for evaluation in run.evaluations)


def _files(path: Path, recipe: str | None) -> list[Path]:
    return [weights_file(path), *([Path(recipe)] if recipe else [])]


def _require_one_convention(networks: Mapping[str, RestorationNetwork]) -> None:
    if len({(network.scale, network.channels) for network in networks.values()}) > 1:
        listed = "; ".join(f"{name}: scale {n.scale}, {n.channels} channel(s)" for name, n in networks.items())
        raise DarkroomError(f"networks of different scales or channels are not comparable in one table: {listed}")


def _evaluations(network: RestorationNetwork, protocol: Protocol) -> list[Evaluation]:
    """The evaluations of the standard protocol for a network, test set by test set."""
    test_sets = dict.fromkeys(protocol.test_sets or ["bsd68" if network.scale == 1 else "set5"])
    return [evaluation for test_set in test_sets for evaluation in _evaluations_on(test_set, network, protocol)]


def _evaluations_on(test_set: str, network: RestorationNetwork, protocol: Protocol) -> list[Evaluation]:
    scale, images = network.scale, evaluation_images(test_set, grey=network.channels == 1)
    if scale == 1 and protocol.test_qualities:
        return [*compression.evaluations(images, protocol.test_qualities)]
    if scale == 1:
        return [
            *denoising.evaluations(
                images, protocol.test_sigmas, quantised=protocol.quantised, noise_conditional=network.noise_conditional
            )
        ]
    return [
        super_resolution.on_images(images, scale, reduction=protocol.reduction, quality=quality, more=[psnr])
        for quality in protocol.test_qualities or (None,)
    ]


def _baselines(evaluation: Evaluation, which: Baselines, progress: Progress) -> list[Result]:
    """Results of the baselines, from their cache where they were evaluated before."""
    cpu, results = torch.device("cpu"), list[Result]()
    for name, baseline in evaluation.baselines.items():
        if which != "cached" or name in INSTANT or is_cached(evaluation, name, baseline):
            report = partial(progress, f"{name}: {evaluation.title}")
            found = baseline_outcome(evaluation, name, baseline, cpu, report, refresh=which == "again")
            results += results_of(name, evaluation, found.outcome, found.device)
    return results


def _no_progress(title: str, done: int, total: int) -> None:
    """Nothing is shown."""
