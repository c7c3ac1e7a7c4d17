"""The limits of the Lab. All limits were chosen by measurements, for a laptop."""

from __future__ import annotations

MESSAGE = 256 * 1024  # bytes of one message of the page
HIDDEN = 8  # layers
UNITS = 1024  # in a layer
CHANNELS = 64  # in a convolution
PARAMETERS = 1_000_000
VALUES = 4_000_000  # numbers in the largest array of one pass
RUNS = 4
STEPS = 100_000
POINTS = 10_000  # in a curve
BATCH = 1024
ROWS = 10_000
CSV_TEXT = 128 * 1024  # characters
CSV_COLUMNS = 64
CLASSES = 20
LINK = 8000  # characters
SAMPLES = 200
MASK = 1 << 20  # decisions of a mask that is replayed
DECISIONS = 20  # at most 2**20 sub-networks are enumerated
EACH_SUBNETWORK = 12  # at most 2**12 sub-networks are shown one by one
DRAWN_UNITS = 256
DRAWN_EDGES = 4000
MASKS_A_SECOND = 3
SEEDS = 20
TEXT = 2000  # characters of an address or a record


def described() -> dict[str, int]:
    """The limits that the page needs, by their names in lower case."""
    return {name.lower(): value for name, value in globals().items() if name.isupper()}
