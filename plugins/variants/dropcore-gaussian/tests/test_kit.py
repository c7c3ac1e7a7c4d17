from dropcore.testing import VariantSuite


class TestGaussian(VariantSuite):
    variant = "gaussian"
