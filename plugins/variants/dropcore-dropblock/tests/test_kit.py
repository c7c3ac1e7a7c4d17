import dropcore
from dropcore.testing import VariantSuite


class TestDropBlock(VariantSuite):
    variant = dropcore.get_variant("dropblock", block_size=3, channel_axis=1)


class TestSharedChannels(VariantSuite):
    variant = dropcore.get_variant("dropblock", block_size=4, channel_axis=-1, share_channels=True)
    shapes = ((6, 16, 3), (6, 9, 8, 2))  # large enough that each mask keeps an element


class TestSingleSample(VariantSuite):
    variant = dropcore.get_variant("dropblock", block_size=2, channel_axis=0, batch_axis=None)
