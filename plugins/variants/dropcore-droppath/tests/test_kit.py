import dropcore
from dropcore.testing import VariantSuite


class TestDropPath(VariantSuite):
    variant = "droppath"


class TestWithoutAScale(VariantSuite):
    variant = dropcore.get_variant("droppath", scale_by_keep=False)


class TestOtherBatchAxis(VariantSuite):
    variant = dropcore.get_variant("droppath", batch_axis=-2)
