"""Probabilities from logits: a fit on judged queries, kept as a small JSON file that belongs to one model.

calibration  the value: probabilities, the base rate they hold for, thresholds, reading and writing
curves       what maps logits to log-odds: a line or steps
thresholds   precision and recall of all thresholds, as measured on queries that were not fitted on
fit          temperature, Platt and isotonic fits
"""

from secondpass.ranking.calibration.calibration import Calibration
from secondpass.ranking.calibration.fit import fit, held_out

__all__ = ["Calibration", "fit", "held_out"]
