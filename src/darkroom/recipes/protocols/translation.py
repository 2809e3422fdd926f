"""Published numbers of image translation. Nobody released the code of the evaluations, so their protocols are marked as unknown.

It is not known whether mIoU is over 19 or 35 classes, nor the size at which the segmentation network and Inception are given images;
the numbers stand beside ours to show the order of magnitude.
"""

from darkroom.core.record import Published, Variant

_SPADE = "Park et al. 2019 (SPADE), Table 1, 256x512"
_CC_FPSE = "Liu et al. 2019 (CC-FPSE), Table 1, 256x512"
_COURSE = "a course's reproduction of ASAPNet, 512x1024, not reviewed"
_UNKNOWN = "the classes that were counted and the networks' input sizes are not published"

_CITYSCAPES = {
    "CRN": (52.4, 77.1, 104.7, _SPADE),
    "SIMS": (47.2, 75.5, 49.7, _SPADE),
    "pix2pixHD": (58.3, 81.4, 95.0, _SPADE),
    "SPADE": (62.3, 81.9, 71.8, _SPADE),
    "CC-FPSE": (65.5, 82.3, 54.3, _CC_FPSE),
}
"""mIoU (%), pixel accuracy (%), FID, and their source."""

_REPRODUCED = {"ASAPNet": (225.8, 15.5, 0.45), "pix2pixHD": (217.2, 16.4, 0.52)}
"""FID, PSNR (dB) and SSIM."""


def cityscapes(ours: str = "") -> list[Published]:
    """Published numbers on Cityscapes at 256×512; those of the method `ours` are the row's own."""
    segmented: Variant = {"segmented at": "256x512"}
    found = list[Published]()
    for method, (iou, accuracy, fid, source) in _CITYSCAPES.items():
        name = "ours" if method == ours else method
        found.append(Published("mean_iou", "cityscapes", iou / 100, source, segmented, name, _UNKNOWN))
        found.append(Published("pixel_accuracy", "cityscapes", accuracy / 100, source, segmented, name, _UNKNOWN))
        found.append(Published("fid", "cityscapes", fid, source, {}, name, _UNKNOWN))
    return found


def cityscapes_hd(ours: str = "") -> list[Published]:
    """Numbers on Cityscapes at 512×1024."""
    found = list[Published]()
    for method, values in _REPRODUCED.items():
        name = "ours" if method == ours else method
        found += [
            Published(metric, "cityscapes", value, _COURSE, {}, name, _UNKNOWN)
            for metric, value in zip(("fid", "psnr", "ssim"), values, strict=True)
        ]
    return found
