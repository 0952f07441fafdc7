"""Generated groups of one passage under many metadata: does a ranker follow rules of time, source, type and version?

The design of Contextual's instruction sets, with reversed twins as in InfoSearch; no language model writes anything.
"""

from secondpass.evaluation.counterfactual.facts import Facts, Rule, grades
from secondpass.evaluation.counterfactual.group import KINDS, NEUTRAL, counterfactual, groups
from secondpass.evaluation.counterfactual.table import Split

__all__ = ["KINDS", "NEUTRAL", "Facts", "Rule", "Split", "counterfactual", "grades", "groups"]
