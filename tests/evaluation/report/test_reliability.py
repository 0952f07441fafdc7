"""The reliability plot: where points stand, and that it is an image by itself."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from secondpass.evaluation.report.reliability import points, reliability_plot

SVG = "{http://www.w3.org/2000/svg}"


def test_probabilities_that_keep_their_word_stand_on_the_diagonal() -> None:
    generator = np.random.default_rng(4)
    said = 1 / (1 + np.exp(-3 * generator.normal(size=200_000)))
    found = points(said, generator.random(200_000) < said)
    assert len(found) > 10
    assert [each.observed for each in found] == pytest.approx([each.predicted for each in found], abs=0.02)
    covered = [each.low <= each.predicted <= each.high for each in found]
    assert np.mean(covered) > 0.8


def test_a_handful_of_pairs_makes_no_point() -> None:
    assert points([0.9] * 29, [True] * 29) == []
    (one,) = points([0.9] * 30, [True] * 30)
    assert (one.observed, one.high) == (1.0, 1.0)
    assert one.low < 0.9


def test_the_plot_is_an_image_by_itself_and_escapes_names() -> None:
    series = [("a < b", points([0.9] * 40, [True] * 40)), ("c", points([0.1] * 40, [False] * 40))]
    root = ET.fromstring(reliability_plot("Reliability of a & b", series))
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert {"a < b", "c", "Reliability of a & b"} <= set(texts)
    heights = [float(each.attrib["cy"]) for each in root.iter(f"{SVG}circle")]
    assert all(0 <= y <= float(root.attrib["height"]) for y in heights)
