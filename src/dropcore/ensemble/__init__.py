"""Looking at the ensemble: a network with dropout is many sub-networks that share weights.

Each draw of the masks is a sub-network. Inference in one pass stands for them all; how well,
`mc_predict` estimates from some of them and `subnetworks` says exactly, for small models.

- Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15
  (2014), sections 1 and 7.5.
- Baldi, Sadowski, "Understanding dropout", NeurIPS 2013: the geometric mean, and where one pass
  is it exactly.
- Gal, Ghahramani, "Dropout as a Bayesian approximation", ICML 2016: Monte Carlo dropout.
"""

from dropcore.ensemble.exact import SubNetworks, subnetworks
from dropcore.ensemble.sampled import Prediction, mc_predict

__all__ = ["Prediction", "SubNetworks", "mc_predict", "subnetworks"]
