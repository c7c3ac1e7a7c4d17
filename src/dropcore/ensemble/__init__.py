"""Ensembles: a network with dropout is a set of sub-networks that share weights.

The masks of one pass select a sub-network. One pass in inference mode approximates the mean over
all sub-networks. `mc_predict` runs sub-networks drawn at random, and returns their predictions with
mean and standard deviation. `subnetworks` runs all sub-networks of a small model, and compares the
mean of their outputs with the pass in inference mode.

- Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15
  (2014), sections 1 and 7.5.
- Baldi, Sadowski, "Understanding dropout", NeurIPS 2013: the geometric mean, and the models for
  which one pass in inference mode equals this mean.
- Gal, Ghahramani, "Dropout as a Bayesian approximation", ICML 2016: Monte Carlo dropout.
"""

from dropcore.ensemble.exact import SubNetworks, subnetworks
from dropcore.ensemble.sampled import Prediction, mc_predict

__all__ = ["Prediction", "SubNetworks", "mc_predict", "subnetworks"]


def __dir__() -> list[str]:  # for completion: the public names
    return sorted(__all__)
