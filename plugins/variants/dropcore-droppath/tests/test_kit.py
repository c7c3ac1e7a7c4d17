from typing import ClassVar

import dropcore
from dropcore.testing import VariantSuite


class TestDropPath(VariantSuite):
    variant = "droppath"


class TestWithoutAScale(VariantSuite):
    variant = dropcore.get_variant("droppath", scale_by_keep=False)
    expected_failures: ClassVar = {
        "inference": "it changes nothing, while training has the mean (1 - p) x"
    }


class TestOtherBatchAxis(VariantSuite):
    variant = dropcore.get_variant("droppath", batch_axis=-2)
