from dropcore.testing import VariantSuite


class TestZoneout(VariantSuite):
    variant = "zoneout"
