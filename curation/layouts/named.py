"""All layouts, and the one that a dataset names."""

from curation.layouts import am_1_4m, am_40m, am_answers, am_difficulty_rl, am_multi_teacher, am_preference, am_rl
from curation.layouts.layout import Layout
from curation.params import Dataset

LAYOUTS: tuple[Layout, ...] = tuple(
    module.LAYOUT for module in (am_1_4m, am_40m, am_multi_teacher, am_difficulty_rl, am_rl, am_preference, am_answers)
)


def layout_of(dataset: Dataset) -> Layout:
    """The layout that a dataset's params name; params allow no other names."""
    return next(layout for layout in LAYOUTS if layout.name == dataset.layout)
