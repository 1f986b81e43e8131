"""Which class of a detector an annotation's category is."""

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.errors import InputError
from bench.quality.scoring import WrongOption
from bench.suite.dataset_options import DatasetOptions
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

COCO_GAPS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
"""Ids from 1 to 90 that COCO's 80 categories leave out (instances_val2017.json)."""
COCO_IDS = tuple(i for i in range(1, 91) if i not in COCO_GAPS)


class ClassesOfCategories(Struct, frozen=True):
    """``by_id``: category -> class of the model. ``rule``: ``order``, ``id`` or ``coco``; ``offset``: of ``id``."""

    by_id: dict[int, int]
    rule: str
    offset: int = 0

    def of(self, category: int) -> int:
        """Raises ``InputError`` for a category that is no class of the model."""
        if self.rule == "id":
            return category + self.offset
        if category not in self.by_id:
            raise InputError(sentence("quality.category_unknown", category=category, rule=self.rule))
        return self.by_id[category]

    def counted(self, classes: "Array") -> "Array":
        """Which detections are of a category that the annotations list; COCO's metric passes over all others."""
        import numpy as np

        return np.isin(classes, np.array(list(self.by_id.values()), np.int64))


def classes_of(
    options: DatasetOptions, head: str | None, count: int | None, categories: tuple[int, ...]
) -> ClassesOfCategories:
    """``count``: the classes of the head, where its outputs tell it; ``head`` is ``None`` for declared boxes, whose
    classes are ids. Raises ``WrongOption`` where the two do not agree, or where it would have to be guessed."""
    offset = options.label_offset
    rule = options.categories or ("id" if head is None or offset else "order")
    if rule == "order" and options.categories is None and count is None:
        raise WrongOption(sentence("quality.categories_untold", head=head), sentence("quality.say_categories"))
    if rule == "order" and count is not None and count != len(categories):
        raise WrongOption(
            sentence("quality.other_categories", head=head, classes=count, categories=len(categories)),
            sentence("quality.say_categories"),
        )
    if rule == "id":
        by_id = {category: category + offset for category in categories}
    elif rule == "coco":
        by_id = {category: COCO_IDS.index(category) for category in categories if category in COCO_IDS}
    else:
        by_id = {category: place for place, category in enumerate(categories)}
    wrong = [one for one, kind in by_id.items() if kind < 0 or (count is not None and kind >= count)]
    if rule == "coco":
        wrong += [one for one in categories if one not in by_id]
        if count not in (None, len(COCO_IDS)):
            raise WrongOption(
                sentence("quality.not_cocos_classes", head=head, classes=count), sentence("quality.say_categories")
            )
    if wrong and head is not None:
        raise WrongOption(
            sentence("quality.category_outside", category=wrong[0], head=head, classes=count or 0, rule=rule),
            sentence("quality.say_categories"),
        )
    return ClassesOfCategories(by_id, rule, offset)
