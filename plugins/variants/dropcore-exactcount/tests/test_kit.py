import dropcore
from dropcore.testing import VariantSuite


class TestExactCount(VariantSuite):
    variant = "exactcount"


class TestOtherAxis(VariantSuite):
    variant = dropcore.get_variant("exactcount", axis=0)
    shapes = ((20,), (10, 6), (12, 3, 4))  # long enough that each mask drops and keeps elements
