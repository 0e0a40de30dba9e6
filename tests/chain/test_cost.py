"""What cells cost: measured seconds, or those of others in proportion to declared work."""

from dataclasses import replace
from typing import Any

import pytest
from harness import DATA, bench, make_plan, places, write_experiment

from bench import registry
from bench.datasets import get_task
from bench.nn import networks
from bench.plan import experiment, graph
from bench.store import cost, work
from bench.store.record import Record

DATA_OF = work.Size(images=1000, shape=(28, 28, 1), certain=True)


def params(method: str, preset: str = "paper", **own: object) -> dict[str, object]:
    return registry.get(method).params(preset, own)


@pytest.mark.parametrize(
    ("method", "own", "times"),
    [
        ("similarity", {"epochs": 100}, 2),  # of 50
        ("dtc", {"epochs": 210, "warmup_epochs": 10}, 2),  # of 100 and 10
        ("dec", {"max_epochs": 200}, 2),  # the starts of its K-means count for nothing
        ("dec", {"n_init": 100}, 1),
        ("autoencoder", {"batch_size": 512}, 2),
        ("kmeans", {"n_init": 40}, 2),
        ("kmeans", {"size": 56}, 4),
        ("clusternet", {"kernel": 10, "epochs": 30}, 8),
        ("temi", {"heads": 5, "hidden": 64}, 1 / 80),  # of 50 heads of 512 units
        ("dann", {"epochs": 1}, 1000 / 640_000),  # fewer images than the iterations would take
    ],
)
def test_work_grows_with_what_is_declared(method, own, times):
    whole = work.of(params(method), DATA_OF)
    assert work.of(params(method, **own), DATA_OF) == pytest.approx(times * whole)


def test_who_trains_on_with_a_needed_network_is_charged_for_it():
    small, large = ({"network": name, "epochs": 3} for name in ("convnet", "resnet18"))
    own = {"epochs": 2, "batch_size": 10}
    for needed in (small, large):
        whole = work.of(own | {"network": needed["network"]}, DATA_OF)
        assert work.of(own, DATA_OF, [{"alpha": 1.0}, needed]) == whole
    assert work.of(own, DATA_OF, [large]) > 10 * work.of(own, DATA_OF, [small])
    # K-means asks it for features once; a network of one's own is what is trained.
    assert work.of({"n_init": 2}, DATA_OF, [large]) == work.of({"n_init": 2}, DATA_OF)
    assert work.of(small, DATA_OF, [large]) == work.of(small, DATA_OF)


def test_what_a_recipe_decides_is_charged(tmp_path):
    """Where data are not at hand: DTC's network for CIFAR-10 is larger than the default."""
    toml = write_experiment(tmp_path / "x.toml", "cifar10/transfer", [{"method": "dtc"}])
    one, seconds = experiment.load(str(toml)), {}
    for recipe in ("own", "dtc"):
        options = graph.Options(
            preset="paper", data_root=tmp_path, given={"pretrain": {"recipe": recipe}}
        )
        plan = graph.make([one], options)
        costs = cost.Costs([], tmp_path, plan.cells)
        seconds[recipe] = sum(costs.of(cell).seconds for cell in plan.cells.values())
    assert seconds["dtc"] > 5 * seconds["own"] > 0


def test_layers_are_trained_one_after_another():
    own: dict[str, Any] = {
        "widths": (100, 50, 10),
        "layer_iterations": 20,
        "finetune_iterations": 40,
    }
    images = 256 * (3 * 20 + 40)
    dense = 784 * 100 + 100 * 50 + 50 * 10
    assert work.of(params("autoencoder", **own), DATA_OF) == images * dense


def test_products_of_a_network_are_those_of_its_layers():
    own: dict[str, Any] = {"network": "convnet", "widths": (4, 8), "size": 8}
    own |= {"epochs": 1, "iterations": 1}
    found = work.of(params("source-only", **own), DATA_OF)
    built = networks.build(networks.describe("convnet", channels=1, outputs=1, widths=[4, 8]))
    assert [tuple(p.shape) for n, p in built.named_parameters() if p.ndim > 1] == [
        (4, 1, 3, 3),
        (8, 4, 3, 3),
        (1, 32),
    ]
    # At 8 by 8 pixels, then 4 by 4, then one vector of 2 by 2; a step has 32 images.
    assert found == 32 * (64 * 4 * 9 + 16 * 8 * 4 * 9 + 32)


def test_an_image_that_is_too_small_for_a_network_counts_as_one_that_is_not():
    """Such a method, KCL say, has its images enlarged, and the size is another cell's parameter."""
    own: dict[str, Any] = {"network": "vggs", "widths": (4, 8, 8, 8), "epochs": 1}
    at = {side: work.of(own, work.Size(1, (side, side, 1), certain=True)) for side in (8, 16, 32)}
    assert at[8] == at[16] < at[32]


def test_a_network_that_cannot_be_built_costs_what_its_image_says():
    own = {"network": "vggs", "widths": (), "epochs": 1}
    assert work.of(own, work.Size(1, (8, 8, 1), certain=True)) == 64


def test_a_part_has_as_many_images_as_it_selects():
    assert work.size("digits/cluster", "quick", DATA).images == 1797
    own = work.size("digits/transfer", "paper", DATA)
    assert own.images in ((896,) if own.certain else (898,))


@pytest.mark.parametrize(
    ("task", "images"),
    [
        ("omniglot/Angelic", 20 * 20),  # characters, drawers
        ("cifar10/transfer", 50_000 // 2),  # five of ten classes
        ("mnist/cluster", 70_000),
        ("omniglot/similarity", 19_280),
    ],
)
def test_without_its_data_a_part_is_as_large_as_the_declarations_say(task, images, tmp_path):
    assert work.size(task, "paper", tmp_path)[::2] == (images, False)


def test_estimates_of_what_was_measured_in_both_presets():
    """The reference's cells that were measured in both: one preset foretells the other.

    Of a method that stops when little changes, DEC say, the budget is a bound and foretells none.
    """
    known, checked = cost.reference(), set()
    for (method, task, preset), quick in known.items():
        if "tolerance" in params(method, preset):
            continue
        paper = known.get((method, task, "paper"))
        # Where seconds are few, starting a process is most of them.
        if preset == "quick" and paper and min(paper.seconds, quick.seconds) > 30:
            foretold = quick.seconds * paper.work / quick.work
            assert 1 / 3 < foretold / paper.seconds < 3, (method, task)
            checked.add(method)
    assert "ccn" in checked


def test_works_of_an_alphabet_count_its_own_images(tmp_path):
    """Lines measured where the data were not at hand once counted those of all alphabets."""
    each: dict[tuple[str, str], set[float]] = {}
    for (method, task, preset), measured in cost.reference().items():
        if task.startswith("omniglot/") and get_task(task).kind == "cluster":
            images = work.size(task, preset, tmp_path).images
            each.setdefault((method, preset), set()).add(float(f"{measured.work / images:.2g}"))
    assert len(each) > 10
    assert [one for one, of_image in each.items() if max(of_image) > 1.2 * min(of_image)] == []


def test_a_table_of_costs_that_is_cut_off_tells_nothing(tmp_path):
    text = cost.REFERENCE.read_text(encoding="utf-8")
    cut = tmp_path / "costs.csv"
    for size in range(text.rstrip().rfind("\n") + 2, len(text), 5):
        cut.write_text(text[:size], encoding="utf-8")
        cost.reference.cache_clear()
        assert len(cost.reference(cut)) in (0, text.count("\n") - 1)
    cost.reference.cache_clear()


def test_the_nearest_in_work_tells(monkeypatch, tmp_path):
    toml = write_experiment(tmp_path / "x.toml", "digits/cluster", [{"method": "kmeans"}])
    (cell,) = make_plan(toml).cells.values()
    mine = work.of(dict(cell.params), work.size(cell.task, cell.preset, DATA))

    def costs(*rows):
        monkeypatch.setattr(cost, "reference", lambda: {r[:3]: cost.Measured(*r[3:]) for r in rows})
        return cost.Costs([], DATA).of(cell)

    far = ("kmeans", "mnist/cluster", "quick", 900.0, 100 * mine)
    near = ("kmeans", "digits/cluster", "paper", 6.0, 2 * mine)
    other = ("dec", "digits/cluster", "quick", 50.0, mine)
    assert costs(far, near, other) == (pytest.approx(3), "another preset")
    assert costs(far, other) == (pytest.approx(9), "another task")
    assert costs(other) == (0.0, "unknown")
    # Work that nobody could tell scales nothing.
    assert costs(("kmeans", "digits/cluster", "quick", 4.0, 0.0), far) == (4.0, "measured")
    assert costs(("kmeans", "mnist/cluster", "quick", 4.0, 0.0)) == (0.0, "unknown")


def test_what_bfloat16_took_is_no_cost_of_float32(tmp_path):
    toml = write_experiment(tmp_path / "x.toml", "digits/cluster", [{"method": "kmeans"}])
    (cell,) = make_plan(toml).cells.values()
    took = {"float32": 6.0, "bfloat16": 2.0}
    records = [
        Record(one.key, one.identity(), "done", wall_seconds=took[one.dtype])
        for one in (cell, replace(cell, dtype="bfloat16"))
    ]
    for some, seconds in ((records[1:], []), (records, ["6.00"])):
        written = cost.update(some, DATA, tmp_path / "costs.csv").read_text()
        assert [line.split(",")[3] for line in written.splitlines()[1:]] == seconds


def test_another_type_or_device_tells_only_where_nothing_nearer_does(monkeypatch, tmp_path):
    toml = write_experiment(tmp_path / "x.toml", "digits/cluster", [{"method": "kmeans"}])
    (cell,) = make_plan(toml).cells.values()
    on_gpu, short = replace(cell, device="cuda"), replace(cell, dtype="bfloat16")
    took = {cell: 60.0, short: 30.0, on_gpu: 2.0}

    def cost_of(asked, *measured):
        records = [
            Record(one.key, one.identity(), "done", wall_seconds=took[one], cpu_seconds=took[one])
            for one in measured
        ]
        monkeypatch.setattr(cost, "reference", dict)
        return cost.Costs(records, DATA).of(asked)

    for one, seconds in took.items():
        assert cost_of(one, on_gpu, short, cell) == (seconds, "measured")
    assert cost_of(cell, on_gpu) == (2.0, "another device")
    assert cost_of(on_gpu, cell) == (60.0, "another device")
    assert cost_of(short, on_gpu, cell) == (60.0, "another type")
    assert cost_of(cell, on_gpu, short) == (30.0, "another type")


def test_a_dry_run_says_what_is_an_estimate(tmp_path, capsys):
    rows = [{"method": "kmeans"}, {"method": "dec"}, {"method": "centroids"}]
    toml = write_experiment(tmp_path / "x.toml", "digits/cluster", rows)
    words = ("run", toml, *places(tmp_path), "--seeds", 1, "--dry-run")
    assert bench(*words, "--preset", "paper") == 0
    said = capsys.readouterr().out
    sources = "another preset or another task"
    assert f"3 of them estimated from {sources} by their budget, 1 of unknown cost" in said
    assert bench(*words) == 0
    assert "estimated" not in capsys.readouterr().out
