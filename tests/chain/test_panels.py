"""Figures of one cell a panel: images, confusion and embeddings, beside the true classes."""

import math

import numpy as np
import pytest
import torch
from figures import EMBEDDING, publish, refused, shown, view_of, write
from harness import DATA, FAULTY, PLUGINS, make_plan

from bench import registry
from bench.datasets import get_task, materialise
from bench.render import figures, legend
from bench.report import panel_views
from bench.store.folders import Store
from bench.tasks import Prediction

CLUSTERS = """
[[figure]]
kind = "images"
name = "i"
caption = "C."
task = "tiny/cluster"
show = "clusters"
pick = "purest"
[[figure.curve]]
label = "centroids"
method = "centroids"
"""
NEIGHBOURS = (
    CLUSTERS.replace('"clusters"', '"neighbours"')
    .replace('pick = "purest"', 'tensor = "features"')
    .replace('method = "centroids"', 'method = "mean-image"')
)
FILTERS = NEIGHBOURS.replace('"neighbours"', '"filters"')
CONFUSION = CLUSTERS.replace('show = "clusters"\npick = "purest"\n', "").replace(
    '"images"', '"confusion"'
)

BAD = {
    "show": (
        CLUSTERS,
        '"clusters"',
        '"cluster"',
        "unknown show 'cluster': did you mean 'clusters'",
    ),
    "no show": (CLUSTERS, 'show = "clusters"', "", "images need show = clusters, neighbours, filt"),
    "pick": (CLUSTERS, '"purest"', '"pures"', "unknown pick 'pures': did you mean 'purest'?"),
    "no pick": (CLUSTERS, 'pick = "purest"', "", 'pick = "purest" or "random" is for clusters'),
    "its pick": (NEIGHBOURS, "tensor", 'pick = "random"\ntensor', "is for clusters, which need"),
    "a tensor": (CLUSTERS, "pick", 'tensor = "w"\npick', "clusters show no tensor; leave it out"),
    "none": (FILTERS, 'tensor = "features"', "", "names no tensor"),
    "on": (CLUSTERS, "pick", 'on = "prob"\npick', "unknown on 'prob': did you mean 'probe'?"),
    "its on": (NEIGHBOURS, "tensor", 'on = "probe"\ntensor', 'on = "probe" is for clusters'),
    "no probe": (CLUSTERS, "pick", 'on = "probe"\npick', "'tiny/cluster' has no probe to take"),
    "show of": (
        CONFUSION,
        "task",
        'show = "filters"\ntask',
        'show is for kind = "embedding" or "im',
    ),
    "shows": (
        EMBEDDING,
        "tensor",
        'show = "image"\ntensor',
        "unknown show 'image': did you mean 'im",
    ),
    "tensor of": (CONFUSION, "task", 'tensor = "w"\ntask', 'for kind = "embedding" or "images"'),
    "part's": (CONFUSION, 'label = "c', 'tensor = "w"\nlabel = "c', "confusion show no tensor"),
    "by": (EMBEDDING, "tensor", 'by = "tSNE"\ntensor', "unknown by 'tSNE': did you mean 't-SNE'?"),
    "by of": (CONFUSION, "task", 'by = "umap"\ntask', 'by is for kind = "embedding"'),
    "scored": (CONFUSION, "task", 'metric = "ACC"\ntask', "confusion shows one cell and has no m"),
    "its metric": (CLUSTERS, 'label = "c', 'metric = "ACC"\nlabel = "c', "images shows one cell"),
    "no method": (CONFUSION, 'method = "centroids"', "", "shows one method on one task"),
}


@pytest.fixture(scope="module")
def tiny():
    """Images and labels of the task."""
    registry.load([PLUGINS, FAULTY])
    files = materialise(get_task("tiny/cluster").target, DATA, limit=150)
    return np.load(files.images), np.load(files.labels)


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_in_one_sentence(case, tmp_path):
    text, old, new, expected = BAD[case]
    assert expected in refused(tmp_path, text, old, new)


def place(picture, images):
    """Which image a picture is."""
    assert picture.shape == images.shape[1:]
    found = [i for i, image in enumerate(images) if image.tobytes() == picture.pixels]
    assert len(found) == 1
    return found[0]


def slow_entropy(classes):
    shares = [np.mean(classes == c) for c in set(classes.tolist())]
    return sum(share * math.log(1 / share) for share in shares)


@pytest.mark.parametrize("pick", ["purest", "random"])
def test_images_of_clusters_are_of_them_and_framed_by_class(pick, tmp_path, tiny):
    images, labels = tiny
    # More clusters than are shown, some of one class, number 5 without any image.
    drawn = np.random.default_rng(3).integers(4, size=150)
    assignments = np.where(np.arange(150) % 2, labels, 6 + (4 * labels + drawn) % 9)
    assignments = np.where(np.arange(150) % 7 == 0, 4 + drawn * 2, assignments)
    prediction = Prediction(assignments=assignments)
    text = CLUSTERS.replace('"purest"', f'"{pick}"')
    view = view_of(tmp_path, text, prediction)
    (sheet,) = view.panels
    filled = sorted(set(assignments.tolist()))
    entropy = {k: slow_entropy(labels[assignments == k]) for k in filled}
    clusters = []
    for strip in sheet.strips:
        places = [place(p, images) for p in strip.pictures]
        (cluster,) = set(assignments[places].tolist())
        assert len(set(places)) == len(places) == min(9, np.sum(assignments == cluster))
        assert [p.frame for p in strip.pictures] == labels[places].tolist()
        assert strip.label == f"{entropy[cluster]:.2f}"
        clusters.append(cluster)
    assert len(set(clusters)) == len(clusters) == min(10, len(filled))
    values = [entropy[k] for k in clusters]
    assert len(filled) > 10
    assert values == pytest.approx(sorted(values))
    if pick == "purest":
        assert values == pytest.approx(sorted(entropy.values())[:10])


TESTED = (
    CLUSTERS.replace("tiny/cluster", "tiny/represent")
    .replace('method = "centroids"', 'method = "random-network"')
    .replace("pick", 'on = "probe"\npick')
)


@pytest.mark.parametrize("pick", ["purest", "random"])
def test_tested_images_are_shown_in_the_clusters_of_those_trained_on(pick, tmp_path):
    text = TESTED.replace('"purest"', f'"{pick}"')
    plan, store = make_plan(write(tmp_path, text)), Store(tmp_path)
    (slot,) = plan.slots
    trained, tested = slot.cells[0]
    images, labels = {}, {}
    for name, task in (("trained", get_task("tiny/represent")), ("tested", get_task("tiny/probe"))):
        files = materialise(task.target, DATA, limit=task.limit("target", plan.preset))
        images[name], labels[name] = np.load(files.images), np.load(files.labels)
    rng = np.random.default_rng(3)
    drawn = rng.integers(14, size=len(labels["trained"]))
    own = np.where(rng.random(len(drawn)) < 0.5, labels["trained"], drawn)
    theirs = rng.integers(1, 14, len(labels["tested"]))  # none in cluster 0
    publish(plan, store, trained, Prediction(assignments=own))
    assert [p.words for p in shown(plan, store).panels] == ["the probe: not measured"]
    publish(plan, store, tested, Prediction(assignments=theirs, classes={"knn": theirs}))
    view = shown(plan, store)
    (sheet,) = view.panels
    plain = write(tmp_path, text.replace('on = "probe"\n', ""))
    (beside,) = shown(make_plan(plain), store).panels
    assert [strip.label for strip in sheet.strips] == [strip.label for strip in beside.strips]
    for strip, other in zip(sheet.strips, beside.strips, strict=True):
        (cluster,) = {int(own[place(p, images["trained"])]) for p in other.pictures}
        places = [place(p, images["tested"]) for p in strip.pictures]
        assert len(set(places)) == len(places) == min(9, np.sum(theirs == cluster))
        assert set(theirs[places]) <= {cluster}
        assert [p.frame for p in strip.pictures] == labels["tested"][places].tolist()
    assert figures.draw(view).axes
    assert "pictures of those tested on" in legend.figure_caption(view)


def test_neighbours_are_the_largest_inner_products_of_each_class_first_image(tmp_path, tiny):
    images, labels = tiny
    features = np.random.default_rng(0).normal(size=(150, 6)).astype(np.float32)
    prediction = Prediction(tensors={"features": torch.from_numpy(features)})
    (sheet,) = view_of(tmp_path, NEIGHBOURS, prediction).panels
    assert len(sheet.strips) == 4
    for c, strip in enumerate(sheet.strips):
        query = labels.tolist().index(c)
        products = {i: float(features[i] @ features[query]) for i in range(150) if i != query}
        nearest = sorted(products, key=products.__getitem__, reverse=True)[:5]
        assert [place(p, images) for p in strip.pictures] == [query, *nearest]
        assert [p.frame for p in strip.pictures] == labels[[query, *nearest]].tolist()


@pytest.mark.parametrize("channels", [1, 3])
def test_filters_are_scaled_each_by_itself_in_a_square(channels, tmp_path):
    weights = np.random.default_rng(0).normal(size=(7, channels, 2, 5)).astype(np.float32)
    weights[3] = 0.25
    prediction = Prediction(tensors={"features": torch.from_numpy(weights)})
    (sheet,) = view_of(tmp_path, FILTERS, prediction).panels
    assert [len(strip.pictures) for strip in sheet.strips] == [3, 3, 1]
    for one, picture in zip(weights, [p for s in sheet.strips for p in s.pictures], strict=True):
        assert (picture.shape, picture.frame) == ((2, 5, channels), None)
        pixels = np.frombuffer(picture.pixels, np.uint8).reshape(picture.shape)
        for y, x, c in np.ndindex(picture.shape):
            span = max(float(one.max() - one.min()), 1e-9)
            assert pixels[y, x, c] == pytest.approx(255 * (one[c, y, x] - one.min()) / span, abs=1)


def test_confusion_counts_classes_in_clusters_by_matched_class(tmp_path, tiny):
    _, labels = tiny
    # Classes 0, 1, 2, 3 mostly in clusters 3, 5, 0, 1; cluster 2 is mixed, cluster 4 empty.
    assignments = np.array([3, 5, 0, 1])[labels]
    assignments[::9] = 2
    text = CONFUSION.replace('label = "c', 'setting = { n_clusters = 6 }\nlabel = "c')
    (panel,) = view_of(tmp_path, text, Prediction(assignments=assignments)).panels
    assert panel.classes == (0, 1, 2, 3)
    assert panel.matched == (0, 1, 2, 3, None, None)
    order = [3, 5, 0, 1, 2, 4]
    for c, row in zip(panel.classes, panel.percent, strict=True):
        own = assignments[labels == c]
        assert row == pytest.approx([100 * np.mean(own == k) for k in order])
        assert sum(row) == pytest.approx(100)
    assert panel.size == pytest.approx([100 * np.mean(assignments == k) for k in order])


@pytest.mark.parametrize(
    ("text", "prediction", "words"),
    [
        (CLUSTERS, None, "not measured"),
        (CLUSTERS, Prediction(), "no assignments are stored"),
        (CONFUSION, Prediction(assignments=np.zeros(9, int)), "9 assignments for 150 images"),
        (NEIGHBOURS, Prediction(), "no tensor 'features' is stored"),
        (
            NEIGHBOURS,
            Prediction(tensors={"features": torch.zeros(9, 2)}),
            "'features' has 9 rows for 150 images",
        ),
        (
            NEIGHBOURS,
            Prediction(tensors={"features": torch.full((150, 2), float("nan"))}),
            "the tensor holds NaN or infinite values",
        ),
        (
            FILTERS,
            Prediction(tensors={"features": torch.zeros(4, 2, 3, 3)}),
            "'features' has shape (4, 2, 3, 3), not (filters, 1 or 3, height, width)",
        ),
    ],
)
def test_what_is_lacking_is_said(text, prediction, words, tmp_path):
    assert [p.words for p in view_of(tmp_path, text, prediction).panels] == [words]


def test_a_failed_cell_is_said(tmp_path):
    (panel,) = view_of(tmp_path, CONFUSION, Prediction(), state="failed").panels
    assert panel.words == "failed"


def test_an_embedding_shows_its_images_where_they_find_room(tmp_path, tiny):
    images, labels = tiny
    outputs = torch.from_numpy(np.random.default_rng(0).normal(size=(150, 3)).astype(np.float32))
    made = Prediction(assignments=labels, tensors={"outputs": outputs})
    text, views = EMBEDDING.rpartition("[[figure.curve]]")[0], []
    for name, chosen in (
        ("dots", text),
        ("images", text.replace("tensor", 'show = "images"\ntensor')),
    ):
        (tmp_path / name).mkdir()
        views.append(view_of(tmp_path / name, chosen, made))
    ((dots,), (cloud,)) = (view.panels for view in views)
    every = [place(picture, images) for picture in cloud.pictures]
    assert [p.frame for p in cloud.pictures] == list(cloud.classes) == labels[every].tolist()
    assert cloud.points == tuple(dots.points[i] for i in every)
    assert cloud.side == pytest.approx(np.ptp(dots.points, axis=0).max() / 24)
    apart = np.abs(np.array(dots.points)[:, None] - np.array(dots.points)).max(axis=2)
    for i in range(150):  # shown, unless one that is shown before it lies too near
        near = [j for j in every if j < i and apart[i, j] < cloud.side]
        assert (i in every) == (not near)
    assert 10 < len(every) < 150
    figure = figures.draw(views[1])
    axes = figure.axes[0]
    assert len(axes.images) == len(axes.patches) == len(every)
    assert not figure.legends
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for x0, x1, y0, y1 in (image.get_extent() for image in axes.images):
        assert left <= x0 < x1 <= right
        assert bottom >= y0 > y1 >= top


def test_large_images_are_shrunk_for_an_embedding():
    photograph = np.zeros((200, 100, 3), np.uint8)
    photograph[:100] = 255
    small = panel_views._small(photograph, 64)
    assert small.shape == (64, 32, 3)
    assert (small[:32].min(), small[32:].max()) == (255, 0)
    assert panel_views._small(photograph[..., :1], 64).shape == (64, 32, 1)
    assert panel_views._small(photograph, 0) is photograph
