"""What estimators refuse: each mistake is a sentence in the words of the one who called."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import bench
from bench import ROOT, registry, shipped
from bench.errors import BenchError, Unfit
from bench.plan import cell

DIGITS = load_digits()
IMAGES, LABELS = (DIGITS.images * 15).astype(np.uint8), DIGITS.target
SOURCE, VECTORS = (IMAGES[:60], LABELS[:60]), DIGITS.data[:60] / 16
SHORT = {"similarity": {"epochs": 1, "widths": (8, 8, 8, 8), "classes_per_batch": 5}}
OTHERS = "needs labelled images of other classes: fit(X, "
DOCS = (ROOT / "docs/python.md").read_text()
TAKE_VECTORS = DOCS.partition("without a network, ")[2].partition("take vectors")[0]


def fits(info):
    """Whether it clusters or adapts, as an estimator."""
    kinds = {"cluster", "adapt"} & set(info.kinds)
    return kinds and not info.artifact and not info.uses_target_labels


def fitted(method, X=IMAGES, source=None, auxiliary=None, **params):
    return bench.estimator(method, **params).fit(X, source=source, auxiliary=auxiliary)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: fitted(None), "method = None is no name, such as 'kmeans'"),
        (lambda: fitted("kmean"), "unknown method 'kmean': did you mean 'kmeans'?"),
        (lambda: fitted("dec", batch_sise=3), "unknown parameter of dec 'batch_sise': did you"),
        (lambda: fitted("dec", batch_size="3"), "dec.batch_size = '3' is no whole number"),
        (lambda: fitted("dec", preset="papers"), "unknown preset 'papers': did you mean 'paper'?"),
        (lambda: fitted("supervised"), "method 'supervised' is given the true labels"),
        (lambda: fitted("autoencoder"), "method 'autoencoder' makes no clusters of images alone"),
        (lambda: fitted("clusternet"), "method 'clusternet' makes no clusters of images alone"),
        (lambda: fitted("kmeans", n_clusters=0), "n_clusters = 0 must be a whole number in 1..17"),
        (lambda: fitted("kmeans", n_clusters=2.5), "n_clusters = 2.5 must be a whole number"),
        (lambda: fitted("kmeans", random_state=-1), "random_state = -1 must lie in 0..2147483647"),
        (lambda: fitted("kmeans", dtype="bfloat16"), "computes in float32 alone, not in bfloat16"),
        (lambda: fitted("kmeans", IMAGES / 255), "X has float64 of shape (1797, 8, 8), expected u"),
        (lambda: fitted("kmeans", n_cluster=10), "'n_cluster': did you mean 'n_clusters'?"),
        (lambda: fitted("kmeans", randomstate=1), "did you mean 'random_state'?"),
        (
            lambda: fitted("kmeans", zzz=1),
            "needed, preset, pretrain_seed, random_state, size, task",
        ),
        (lambda: fitted("kcl"), f"kcl {OTHERS}auxiliary=(images, labels))"),
        (lambda: fitted("mcl"), f"mcl {OTHERS}auxiliary=(images, labels))"),
        (lambda: fitted("kcl", source=SOURCE), f"kcl {OTHERS}auxiliary=(images, labels))"),
        (lambda: fitted("skms"), f"skms {OTHERS}auxiliary=(images, labels))"),
        (lambda: fitted("supreme"), f"supreme {OTHERS}source=(images, labels))"),
        (lambda: fitted("dtc", auxiliary=SOURCE), f"dtc {OTHERS}source=(images, labels))"),
        (lambda: fitted("kmeans", features="source"), f"kmeans {OTHERS}source=(images, labels))"),
        (lambda: fitted("dann"), "dann needs labelled images: fit(X, source=(images, labels))"),
        (
            lambda: fitted("ccn++"),
            "needs labelled images: fit(X, source=(images, labels), auxiliary=(images, labels))",
        ),
        (
            lambda: fitted("ccn++", source=SOURCE),
            "ccn++ needs labelled images: fit(X, auxiliary=(images, labels))",
        ),
        (lambda: fitted("feed-forward"), "method 'feed-forward' on images: images names no task"),
        (lambda: fitted("supreme", source=IMAGES), "source must be a pair: images and their label"),
        (
            lambda: fitted("supreme", source=(IMAGES, LABELS[:9])),
            "source has 1797 images and labels of shape (9,)",
        ),
        (
            lambda: bench.estimator("kmeans").set_params(preset="papers").fit(IMAGES),
            "unknown preset 'papers': did you mean 'paper'?",
        ),
        (lambda: fitted("kmeans", device="gpu"), "device = 'gpu' is neither 'cpu' nor 'cuda'"),
        (lambda: fitted("kmeans", task=3), "task = 3 is no name, such as 'images'"),
        (lambda: fitted("kmeans", task="digits/clutser"), "did you mean 'digits/cluster'?"),
        (lambda: fitted("dec", needed=["autoencoder"]), "needed = ['autoencoder']: write needed={"),
        (
            lambda: fitted("kmeans", n_init=2, needed={"kmeans": {"n_init": 1}}),
            "needed['kmeans']: set parameters of kmeans itself beside needed",
        ),
        (lambda: fitted("dec", needed={"autoencoder": 3}), "needed['autoencoder'] = 3: write nee"),
        (lambda: fitted("kmeans", IMAGES[..., None, None]), "X has uint8 of shape (1797, 8, 8, 1,"),
        (lambda: fitted("kmeans", IMAGES.tolist()), "X has int64 of shape (1797, 8, 8), expected"),
        (lambda: fitted("dec", needed={"autoencodr": {}}), "did you mean 'autoencoder'?"),
        (
            lambda: fitted("kmeans", features="weights", weights="resnet18.nowhere"),
            "weights resnet18.nowhere: no resnet18.nowhere.safetensors in",
        ),
    ],
)
def test_mistakes_are_sentences(make, said):
    with pytest.raises(BenchError) as caught:
        make()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name, one in shipped.methods().items() if fits(one)])
def test_vectors_are_clustered_or_refused_as_they_were_given(name):
    """docs/python.md names those that take them."""
    vectors = VECTORS.astype(np.float32)
    made = bench.estimator(name, needed=SHORT)
    if f"`{name}`" in TAKE_VECTORS:
        assert made.fit(vectors).labels_.shape == (60,)
        return
    with pytest.raises(BenchError) as caught:
        made.fit(vectors, source=SOURCE, auxiliary=SOURCE)
    said = str(caught.value)
    if "names no task" not in said and "--weights DIR" not in said:
        shapes = "(N, height, width) or (N, height, width, channels)"
        found = "not float32 vectors of shape (60, 64)"
        assert said == f"{name} takes uint8 images, {shapes}, {found}"


def test_another_failure_on_vectors_is_told_as_it_is(monkeypatch):
    monkeypatch.setattr(registry.get("kmeans").cls, "fit", lambda *_: 1 // 0)
    with pytest.raises(Unfit, match="kmeans on images: ZeroDivisionError: "):
        fitted("kmeans", VECTORS)


def test_a_list_of_images_is_as_good_as_an_array():
    made = bench.estimator("kmeans", n_clusters=3, n_init=1)
    assert (made.fit_predict(list(IMAGES[:60])) == made.fit_predict(IMAGES[:60])).all()


def test_a_wrong_array_is_a_value_error_too():
    with pytest.raises(ValueError, match="expected uint8 images"):
        fitted("kmeans", IMAGES.astype(int))
    first = np.moveaxis(IMAGES[..., None] if IMAGES.ndim == 3 else IMAGES, -1, 1)
    with pytest.raises(Unfit, match=r"numpy.moveaxis\(X, 1, -1\)"):
        fitted("kmeans", first)
    assert issubclass(Unfit, BenchError)
    assert cell.LARGEST_SEED == 2**31 - 1
