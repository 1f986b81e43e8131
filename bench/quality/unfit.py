"""What of a dataset's options cannot be right, told from the model's file alone: before anything is compiled."""

from collections.abc import Collection

from bench.errors import UnknownName
from bench.quality.dataset import Listing
from bench.quality.heads.table import HEADS
from bench.quality.scoring import output_named
from bench.words import sentence


def refuse_unfit_options(listing: Listing, outputs: Collection[str]) -> None:
    """Raises ``InputError`` for a head that is not known, and for an output that the model does not have. ``outputs``:
    the names in the model's file; none where they are not known."""
    options, given = listing.options, dict.fromkeys(outputs)
    if options.head and options.head not in HEADS:
        raise UnknownName(sentence("quality.heads.head"), options.head, tuple(HEADS))
    if not given or listing.task == "judged":
        return
    keys = [key for key in ("boxes", "scores", "labels") if options.states((key,))]
    for key in keys if listing.task == "detection" else ["output"]:
        output_named(given, getattr(options, key), key)
