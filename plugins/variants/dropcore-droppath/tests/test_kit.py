import dropcore
from dropcore.testing import VariantSuite


class TestDropPath(VariantSuite):
    variant = "droppath"


class TestOtherBatchAxis(VariantSuite):
    variant = dropcore.get_variant("droppath", batch_axis=-2)
