"""What the documents name is there."""

import re

import pytest

from bench import ROOT, registry
from bench.render import style
from bench.score import statistics

NAMES = r"`((?:bench|methods|baselines|tests|results)/[\w./]+)`"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_files_that_a_document_names_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    named = {path for path in re.findall(NAMES, text) if not re.search(r"[A-Z]{3}", path)}
    written = {"results/tables/", "results/runs", "results/figures/"}
    assert len(named) > 5
    assert not [path for path in named - written if not (ROOT / path).exists()]


def test_the_four_places_of_contributing_are_what_it_says():
    registry.load()
    assert registry.get("kmeans").module == "bench_baselines.kmeans"
    assert statistics.summarise([0.0, 2.0]).std == pytest.approx(2**0.5)  # ddof 1
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in style.COLOURS)
    defined = [p for p in ROOT.glob("bench/**/*.py") if "\nCOLOURS = " in p.read_text("utf-8")]
    assert defined == [ROOT / "bench" / "render" / "style.py"]
