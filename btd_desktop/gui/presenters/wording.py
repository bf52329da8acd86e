"""Series, time left and sizes in words, and what each number means, for every view."""

from __future__ import annotations

from btd_desktop.cases.model import SeriesRecord

KIND_NAMES = {
    "anomaly": "Anomaly",
    "injection": "Injection (paper)",
    "removal": "Removal (paper)",
}
"""Scores that overlays and histograms show."""

PLACE_NAMES = {**KIND_NAMES, "untaught": "Anomaly, untaught"}
"""Scores of a place."""


def series_name(record: SeriesRecord) -> str:
    """What a series is called in lists: its number, and what its files say of it."""
    return f"{record.series_id}: {record.description or record.series_uid}"


def duration_text(seconds: float | None) -> str:
    """Time left as one would say it: no false precision."""
    if seconds is None:
        return "estimating time left"
    if seconds < 10:
        return "a few seconds left"
    if seconds < 90:
        return f"about {round(seconds / 10) * 10:d} s left"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60):d} min left"
    return f"about {seconds / 3600:.1f} h left"


def size_text(size_bytes: int) -> str:
    """Size of a file."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


HELP = {
    "anomaly": (
        "Anomaly score",
        "How unlike its surroundings and unlike genuine scans the image noise at this "
        "place is, seen at several noise levels. Unusually smooth and unusually rough "
        "content both raise it, and so does noise that is found again elsewhere in "
        "the scan. Where the model has a learned evidence map, its evidence is added. "
        "Higher is more remarkable. It is not a probability.",
    ),
    "untaught": (
        "Untaught anomaly score",
        "The anomaly score without the learned evidence map: genuine scans alone "
        "taught it. The map was taught with tampering that we made in genuine scans. "
        "Where both scores are high, the finding does not rest on what was taught.",
    ),
    "injection": (
        "Injection score",
        "The published score for added content: mean squared noise prediction over the "
        "central 32 × 32 pixels (Back-in-Time Diffusion). Shown so that results can be "
        "compared with the literature.",
    ),
    "removal": (
        "Removal score",
        "The published score for removed content: mean squared noise prediction over "
        "the whole patch (Back-in-Time Diffusion).",
    ),
    "p-value": (
        "p-value",
        "The share of genuine scans in the calibration that score as high or higher "
        "(counting this one). 0.01 means: about one in a hundred genuine places looks "
        "as remarkable. It is not the probability that the scan was altered. The "
        "smallest value possible is 1 / (n + 1).",
    ),
    "n": (
        "What stands behind the p-value",
        "How many genuine scores, of how many patients, the p-value is ranked among. "
        "Neighbouring patches are alike, so the number of patients is what carries the "
        "error rate.",
    ),
    "cdf": (
        "Place among genuine scores",
        "The share of genuine scores that are at most as high as this one.",
    ),
    "threshold": (
        "Threshold and false-positive rate",
        "Scores strictly above the threshold are flagged. The false-positive rate is "
        "the share of genuine scans that would be flagged too; the interval (95 %, "
        "Clopper and Pearson) says how well the calibration knows it.",
    ),
    "join": (
        "Add to a calibration, or calibrate alone",
        "Added to a calibration, your patients stand in the ranks beside those that it "
        "holds; one is enough. That supposes scans like those: where the calibration "
        "covers your scanner only in part, or not at all, its reasons say what "
        "differs. Calibrating alone speaks for your scanner only, takes at least 3 "
        "patients, and establishes little below some 60.",
    ),
    "scope": (
        "What the calibration covers",
        "A calibration speaks only for scans like those it was made with: same model, "
        "preprocessing, slice thickness and pixel size. On another scanner or kernel "
        "it covers a scan partly, and says why. Where it does not cover a scan there "
        "is no p-value.",
    ),
    "residual": (
        "Residual",
        "What the diffusion model takes for noise in the slice at the smallest step. "
        "It is what scores are computed from and has no error rate of its own.",
    ),
    "copied": (
        "Copied noise",
        "Image noise never repeats. If the noise of a place is found again at another "
        "place of the scan, that points to tissue or noise copied from one to the "
        "other; which of the two came first, this cannot tell. Chance alone gives a "
        "highest correlation of about five times the spread of all correlations. "
        "Turned, mirrored or rescaled copies and copies from other scans are not "
        "found.",
    ),
    "level": (
        "Place, patch, slice, series",
        "A place is one patch that you chose: its noise is also searched for elsewhere "
        "in the scan, and it is ranked among genuine places judged in the same way. A "
        "series holds thousands of patches, so some look remarkable by chance. At "
        "slice level the highest patch of a slice is ranked among the highest patches "
        "of genuine slices; at series level likewise. The series level answers whether "
        "anything in the scan is remarkable.",
    ),
    "device": (
        "Where scores are computed",
        "The processor or graphics card in use. If a graphics card is not used, the "
        "reason is given. Scores from different devices may differ in the last digits.",
    ),
    "status": (
        "Status of a finding",
        "“to check” until you have looked at it; “confirmed” goes into the report as "
        "an exhibit; “dismissed” is left out of the exhibits and needs a reason, which "
        "the report prints with the number of places dismissed. No mark changes the "
        "numbers of a finding or what the method says of the series.",
    ),
    "import": (
        "Import statement",
        "Every file that was received ends in exactly one fate: accepted, not an "
        "image, unsupported, damaged, duplicate or refused, with the reason. It is "
        "printed in the report.",
    ),
    "measurement": (
        "Measurements",
        "Length, angle, region and profile run between middles of pixels, in "
        "millimetres by the spacing that the files state; where they state none, in "
        "pixels, and it is said. A region is a rectangle with both corners inside; SD "
        "is divided by n − 1; padding is left out. Each is kept in the case and listed "
        "in an annex of the report. Removing one adds an entry to the audit log. No "
        "answer of the method rests on them.",
    ),
    "tail": (
        "Parametric tail",
        "A generalised Pareto distribution fitted to the highest tenth of genuine "
        "scores. It extrapolates, so it is shown beside the p-value and never decides.",
    ),
    "qq": (
        "QQ plot",
        "Observed genuine scores of the tail against those the fitted tail expects. "
        "Points on the line mean that the tail fits.",
    ),
}
