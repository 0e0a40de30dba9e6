"""Every table of every experiment can be rendered, measured or not."""

import pytest

from bench import registry
from bench.plan import experiment, graph
from bench.plan.cell import PRESETS
from bench.render import latex, tables
from bench.report.table_views import views
from bench.store.folders import Store
from bench.store.states import read


@pytest.mark.parametrize("preset", PRESETS)
def test_tables_are_rendered_from_an_empty_store(preset, tmp_path):
    registry.load()
    for name in experiment.names():
        options = graph.Options(preset=preset, data_root=tmp_path)
        plan = graph.make([experiment.load(name)], options)
        for view in views(read(plan, Store(tmp_path / "results")))[0]:
            texts = [latex.latex(view), tables.markdown(view), tables.csv(view)]
            assert all(view.name in text for text in texts), view.name
