"""Thresholds by category: the scales they lie in, checked before anything is compared with them."""

from collections.abc import Mapping

from curation.errors import ParamsError
from curation.render import nearest

SCALES = {"math": 1.0, "code": 1.0, "science": 5.0, "instruction": 1.0, "multi_turn": 1.0, "chat": 1.0}
"""Highest score of each category (R5 6.4)."""


def check_thresholds(thresholds: object, place: str) -> None:
    """Refuse thresholds that are no mapping, are of an unknown category, or lie outside the category's scale.

    Args:
        thresholds: By category, as params have them.
        place: Where in params they stand.

    Raises:
        ParamsError: Says which.
    """
    if not isinstance(thresholds, Mapping):
        raise ParamsError(f"params: {place} must give a threshold by category, got {thresholds!r}.")
    for category, threshold in thresholds.items():
        if category not in SCALES:
            raise ParamsError(f"params: {place} names the category {category!r}; {nearest(category, list(SCALES))}.")
        if not isinstance(threshold, int | float) or not 0 <= threshold < SCALES[category]:
            raise ParamsError(
                f"params: {place}.{category} is {threshold!r}; a score of {category} lies between 0 and "
                f"{SCALES[category]:g}, and passes above its threshold."
            )
