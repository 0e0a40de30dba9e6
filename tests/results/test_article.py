"""LaTeX compiles: the article of all tables, and the sample with tables and numbers in its text."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from figures import finish
from views import entry, view

from bench import ROOT, registry
from bench.cli import render
from bench.plan import experiment, graph
from bench.render import pasted
from bench.render.write import write_pasted
from bench.report.table_views import views
from bench.score.metric_names import is_count
from bench.store import states
from bench.store.folders import Store

pytestmark = pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
WIDEST = 5.0
"""Points that a box may stick out."""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder of results: every cell of `digits`, and what is printed of photographs."""
    folder = tmp_path_factory.mktemp("article")
    registry.load()
    options = graph.Options(seeds=(0, 1), data_root=folder)
    plan = graph.make([experiment.load(name) for name in ("digits", "tsp")], options)
    store = Store(folder / "results")
    metrics: dict[str, dict[str, float]] = {}
    for i, slot in enumerate(s for s in plan.slots if s.experiment == "digits" and s.entry.scored):
        for seed, keys in slot.cells.items():
            value = 9.0 + seed if is_count(slot.entry.metric) else 0.5 + (i % 40 + seed) / 100
            for key in keys[:-1]:
                metrics.setdefault(key, {})
            metrics.setdefault(keys[-1], {})[slot.entry.metric] = value
    for key, cell in plan.cells.items():
        if key in metrics:
            finish(store, cell, metrics[key])
    made = views(states.read(plan, store))
    render.write_all(made, store.root, "quick", ("latex",))
    write_pasted(made[0], store.root, ("paper", "macros"))
    return store.root


def compiled(folder: Path, source: str) -> str:
    """The text of a document without line breaks, once it was set without a wide box."""
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-jobname=set", source]
    wide_lines = {**os.environ, "max_print_line": "10000"}  # else names are cut in the log
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=240, check=False, env=wide_lines
    )
    log = (folder / "set.log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[-2000:]
    wide = [float(points) for points in re.findall(r"Overfull \\[hv]box \(([\d.]+)pt", log)]
    assert max(wide, default=0.0) <= WIDEST, re.findall(r"Overfull.*", log)
    assert "LaTeX Warning: Float too large" not in log
    return log


def test_the_article_of_all_tables_compiles(written):
    text = (written / "all-quick.tex").read_text()
    assert text.index("Verdicts") < text.index("digits-transfer") < text.index("tsp-clustering")
    log = compiled(written, "all-quick.tex")
    assert "tables/tsp-clustering-quick.tex" in log


def test_the_sample_article_compiles_with_every_number_that_it_names(written, tmp_path):
    for path in (ROOT / "docs" / "sample").iterdir():
        shutil.copy(path, tmp_path)
    compiled(tmp_path, rf"\def\results{{{written}}}\input{{article.tex}}")
    article = (tmp_path / "article.tex").read_text()
    macros = (written / "tables" / "macros" / "digits-quick.tex").read_text()
    known = dict(re.findall(r"\\newcommand\{\\([A-Za-z]+)\}\{(.*)\}", macros))
    used = re.findall(r"\\(Digits[A-Za-z]+)", article)
    assert len(used) > 6
    assert all("?" not in known[name] for name in used)


def test_macros_of_two_presets_are_refused_together_and_those_of_a_set_are_not(tmp_path):
    number = entry("few", values=[0.5, 0.6])
    for name, preset in (("q", "quick"), ("p", "paper"), ("s", "quick, dec.batch_size=64")):
        text = pasted.macros([view(number, entry("b"), preset=preset)])
        (tmp_path / f"{name}.tex").write_text(text)
    body = r"\begin{document}\DigitsTFewCIFAROneZeroACC, $\DigitsTFewCIFAROneZeroACC$, "
    body += r"\DigitsTFewCIFAROneZeroACCDecBatchSizeIsSixFour, \DigitsPreset\end{document}"
    (tmp_path / "both.tex").write_text(rf"\documentclass{{article}}\input{{q}}\input{{s}}{body}")
    compiled(tmp_path, "both.tex")
    (tmp_path / "two.tex").write_text(rf"\documentclass{{article}}\input{{q}}\input{{p}}{body}")
    with pytest.raises(AssertionError, match="digits, paper, have the names"):
        compiled(tmp_path, "two.tex")
