"""What a calibration is: logits of one model in, probabilities out, with word of what it was fitted on.

Knows numbers, names and one JSON file; neither scorers at work nor how a fit is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from secondpass.errors import InputError
from secondpass.models.scorer import ListScorer, PairScorer
from secondpass.ranking.calibration.curves import Line, Steps, log_odds_of, probability_of
from secondpass.ranking.calibration.thresholds import Thresholds
from secondpass.ranking.candidates import Floats

Kind = Literal["temperature", "platt", "isotonic"]
LAYOUT = 1
"""Of the JSON file."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns the logits of one model into probabilities that a document is relevant.

    `curve` maps logits to log-odds at the fit's own `fitted_rate`, the share of the candidates that were relevant
    there; `base_rate` is the share that probabilities are given for (see `at`). `model` and `versions`: whose logits
    they are, as `Declared` has them. `data`: the collections, `date`: the day, `queries` and `pairs`: how many, of the
    fit. `thresholds` were measured on queries that were not fitted on.
    """

    kind: Kind
    model: str
    versions: tuple[str, ...]
    curve: Line | Steps
    thresholds: Thresholds
    fitted_rate: float
    base_rate: float
    data: tuple[str, ...]
    date: str
    queries: int
    pairs: int

    def probability(self, logits: ArrayLike) -> Floats:
        """Probabilities, float64, shape (n,) as the logits'; a greater logit never has a smaller one."""
        return probability_of(self.log_odds(logits))

    def log_odds(self, logits: ArrayLike) -> Floats:
        """ln(p / (1 - p)) of the probabilities, float64, shape (n,); apart even where those are 1 in print."""
        return self.curve.log_odds(np.asarray(logits, np.float64)) + self._shift

    def at(self, *, base_rate: float) -> Calibration:
        """The same for candidates of which `base_rate` are relevant: log-odds move by the difference of the priors'.

        2 relevant of 50 candidates are a base rate of 0.04. Raises `InputError` unless it is above 0 and below 1.
        """
        if not 0 < base_rate < 1:
            raise InputError(f"base_rate={base_rate}: it is a share of the candidates, above 0 and below 1.")
        return replace(self, base_rate=base_rate)

    def threshold(self, *, precision: float | None = None, recall: float | None = None) -> float:
        """The probability above which `precision` of the documents are relevant, or which `recall` of those reach.

        As measured at the fit, on queries that were held out, for the present base rate. Precision: the lowest such
        threshold, so that most is kept; recall: the highest. Raises `InputError` where the precision is not reached,
        with the one that is, and unless one of the two is given, above 0 and at most 1.
        """
        asked = {"precision": precision, "recall": recall}
        given = [(name, share) for name, share in asked.items() if share is not None]
        if len(given) != 1:
            raise InputError("Give precision= or recall=, one of them.")
        ((name, share),) = given
        if not 0 < share <= 1:
            raise InputError(f"{name}={share} is no share: give a number above 0, at most 1.")
        if name == "precision":
            logit = self.thresholds.for_precision(share, self.base_rate)
        else:
            logit = self.thresholds.for_recall(share)
        return float(self.probability([logit])[0])

    def require(self, scorer: PairScorer | ListScorer) -> None:
        """Raises `InputError` unless the logits of `scorer` are those that this was fitted to."""
        declared = scorer.declared
        if not isinstance(scorer, PairScorer):
            raise list_scorer(declared.name)
        if declared.name != self.model:
            raise InputError(
                f"The calibration is for {self.model}, and the model is {declared.name}: their logits differ. Fit one "
                "for it: secondpass calibrate."
            )
        if declared.version not in self.versions:
            raise InputError(
                f"The calibration of {self.model} is for {' or '.join(map(repr, self.versions))}, and this is "
                f"{declared.version!r}: load the version or precision that it is for, or fit one: secondpass calibrate."
            )

    def save(self, path: str | Path) -> Path:
        """Write the JSON file."""
        value = {"layout": LAYOUT, **asdict(self)}
        # A list of numbers a line: the file is read by people as well.
        parts = [f" {json.dumps(key)}: {json.dumps(each)}" for key, each in value.items()]
        Path(path).write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8", newline="\n")
        return Path(path)

    @classmethod
    def read(cls, path: str | Path) -> Calibration:
        """What `save` wrote. Raises `InputError` naming a file that is not there, or that is something else."""
        try:
            value = json.loads(Path(path).read_bytes())
            layout = value.pop("layout")
            if layout != LAYOUT:
                raise InputError(f"{path} is of layout {layout}, and this version reads {LAYOUT}: calibrate anew.")
            return _from_json(value)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path} is no calibration ({error!r}): write one with secondpass calibrate.") from error

    @property
    def _shift(self) -> float:
        if self.base_rate == self.fitted_rate:
            return 0.0
        return log_odds_of(self.base_rate) - log_odds_of(self.fitted_rate)


def list_scorer(name: str) -> InputError:
    """The error of a model whose logits depend on the whole list, so that none means the same for two queries."""
    return InputError(
        f"{name} scores a list as a whole, so its logits mean nothing across queries: calibrate a model that scores "
        "pairs, or compare places instead."
    )


def _from_json(value: Mapping[str, Any]) -> Calibration:
    curve, thresholds = value["curve"], value["thresholds"]
    return Calibration(
        **{
            **value,
            "versions": tuple(value["versions"]),
            "data": tuple(value["data"]),
            "curve": Steps(**_tuples(curve)) if value["kind"] == "isotonic" else Line(**curve),
            "thresholds": Thresholds(**_tuples(thresholds)),
        }
    )


def _tuples(value: Mapping[str, list[float]]) -> dict[str, tuple[float, ...]]:
    return {name: tuple(each) for name, each in value.items()}
