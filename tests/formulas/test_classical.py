"""N-Cuts, LSC, LPNMF, CSP and MPCK-means against released code's outputs and against loops."""

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import laplacian
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score

from bench import ROOT, registry

csp, lpnmf, lsc, mpck, ncuts = (
    registry.import_from(ROOT / "baselines", stem)
    for stem in ("csp", "lpnmf", "lsc", "mpck", "ncuts")
)


@pytest.fixture(scope="module")
def golden():
    path = Path(__file__).parents[1] / "golden" / "classical.npz"
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def blobs(n=60, k=3, width=5, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    return 8.0 * rng.normal(size=(k, width))[labels] + rng.normal(size=(n, width)), labels


# LSC


def test_mixtures_of_landmarks_are_those_of_the_released_code(golden):
    found = lsc.mixed(golden["X"], golden["lsc_landmarks"], int(golden["lsc_r"]))
    np.testing.assert_allclose(found.toarray(), golden["lsc_Z"], rtol=0, atol=1e-11)
    columns = lsc.scaled(found).toarray()
    np.testing.assert_allclose(columns, golden["lsc_Z_colscaled"], rtol=0, atol=1e-11)
    embedded, theirs = lsc.embedded(found, int(golden["lsc_K"])), golden["lsc_embedding"]
    np.testing.assert_allclose(embedded @ embedded.T, theirs @ theirs.T, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("n", "k", "wanted"), [(4000, 10, 1000), (900, 45, 450), (150, 100, 101), (50, 50, 50)]
)
def test_landmarks_are_half_of_the_points_or_one_more_than_clusters(n, k, wanted):
    assert lsc.number_of_landmarks(1000, n, k) == wanted


def test_mixtures_do_not_vanish_where_distances_are_small():
    points, _ = blobs()
    small = lsc.mixed(1e-4 * points, 1e-4 * points[:9], 3)
    np.testing.assert_allclose(small.sum(axis=1), 1.0)


# LPNMF


@pytest.mark.parametrize(("alpha", "suffix"), [(100.0, ""), (0.0, "_alpha0")])
def test_factors_objective_and_end_are_those_of_the_released_code(alpha, suffix, golden):
    smooth = alpha * laplacian(csr_array(golden["lpnmf_W"].astype(float))) if alpha else None
    start = golden["X"], golden["lpnmf_U0"], golden["lpnmf_V0"], smooth
    model = lpnmf.Factorisation(*start, lpnmf.solver(smooth) if alpha else None)
    history = [model.objective]
    for step in range(1, 6):
        model.step()
        history.append(model.objective)
        if step in {1, 5}:
            for found, name in zip(model.normalised(), "UV", strict=True):
                theirs = golden[f"lpnmf_{name}{step}{suffix}"]
                np.testing.assert_allclose(found, theirs, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(history, golden[f"lpnmf_objective_history{suffix}"], rtol=1e-9)
    model = lpnmf.Factorisation(*start, lpnmf.solver(smooth) if alpha else None)
    assert model.run(1e-5, 1000) == golden[f"lpnmf_iters_to_stop{suffix}"]
    np.testing.assert_allclose(model.objective, golden[f"lpnmf_final_objective{suffix}"], rtol=1e-9)
    assert model.run(1e-5, 3) == 3, "no more steps than the limit"


def test_the_graph_is_that_of_the_released_code(golden):
    np.testing.assert_array_equal(lpnmf.neighbours(golden["X"], 5).toarray(), golden["lpnmf_W"])


def test_large_graphs_are_solved_by_iteration_to_the_same(monkeypatch):
    points, _ = blobs(40)
    rng = np.random.default_rng(1)
    matrix = 100.0 * laplacian(lpnmf.neighbours(points, 5))
    y, shifts, guess = rng.random((40, 3)), rng.random(3) + 0.5, np.zeros((40, 3))
    at_once = lpnmf.solver(matrix)(y, shifts, guess)
    for column, shift, right in zip(at_once.T, shifts, y.T, strict=True):
        whole = matrix.toarray() + shift * np.eye(40)
        np.testing.assert_allclose(column, np.linalg.solve(whole, right), rtol=1e-9)
    monkeypatch.setattr(lpnmf, "_DENSE", 10)
    np.testing.assert_allclose(lpnmf.solver(matrix)(y, shifts, guess), at_once, rtol=1e-6)


# CSP


@pytest.mark.parametrize(
    ("name", "q", "k", "normalise"),
    [
        ("given", "csp_Q", 10, False),
        ("normalised", "csp_Q", 10, True),
        ("givenK25", "csp_Q", 25, False),
        ("mustonly", "csp_Q_mustonly", 10, False),
    ],
)
def test_constrained_cuts_are_those_of_the_released_code(name, q, k, normalise, golden):
    mine = {n.removeprefix(f"csp_{name}_"): v for n, v in golden.items()}
    w = golden["csp_W"]
    found, costs = csp.embedded(w, golden[q], k, normalise=normalise)
    assert len(costs) == mine["n_feasible"]
    np.testing.assert_allclose(costs, mine["costs_feasible_sorted"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.abs(found), np.abs(mine["U"]), rtol=0, atol=1e-8)
    half = np.diag(1 / np.sqrt(w.sum(axis=1)))
    constraints = half @ golden[q] @ half if normalise else golden[q]
    beta = csp.level(constraints, k)
    np.testing.assert_allclose(beta, mine["beta"], rtol=1e-9)
    excess = constraints - beta * np.eye(len(w))
    values, _ = csp.pencil(np.eye(len(w)) - half @ w @ half, excess)
    np.testing.assert_allclose(values, mine["eigenvalues_sorted"], rtol=1e-9, atol=1e-9)


def test_the_pencil_of_a_graph_in_parts_has_vectors_that_solve_it():
    rng = np.random.default_rng(0)
    w = np.kron(np.eye(2), 1.0 - np.eye(6))  # two parts: two eigenvalues of L are 0
    laplace = np.eye(12) - w / 5
    q = rng.choice([-1.0, 1.0], (12, 12))
    excess = (q + q.T) / 2 - 0.7 * np.eye(12)
    values, vectors = csp.pencil(laplace, excess)
    np.testing.assert_allclose(
        laplace @ vectors, excess @ vectors * values, rtol=0, atol=1e-8 * np.abs(values).max()
    )
    assert np.sum(np.abs(values) < 1e-9) == 2


def test_algebraic_values_leave_places_to_similar_pairs():
    q = np.diag([3.0, 2.0, 1.0, -9.0])
    assert csp.level(q, 2, "singular") == pytest.approx(2.5, abs=1e-5)  # 9, 3 | 2
    assert csp.level(q, 2, "algebraic") == pytest.approx(1.5, abs=1e-5)  # 3, 2 | 1


def test_ones_on_the_diagonal_keep_the_weights_of_vectors_above_zero():
    """With zeros 1 - cost is below it here: points that differ alike have affinities alike."""
    draw = np.random.default_rng(0)
    points, labels = draw.standard_normal((60, 200)), np.arange(60) % 3
    q = np.where(labels[:, None] == labels, 1.0, -1.0)
    q += (noise := 0.1 * draw.standard_normal((60, 60))) + noise.T
    for itself, low in ((0.0, -1.1 / 60), (1.0, 0.0)):
        w = csp.affinity(points, itself)
        assert np.all(np.diag(w) == itself)
        weights = 1 - csp.embedded(w, q, 20)[1]
        assert low < weights.min() < low + 2 / 60, (itself, weights.min())


# MPCK-means


def state(weights=(1.0, 0.5), seed=0):
    points, labels = blobs(24, 3, 4, seed)
    rng = np.random.default_rng(seed + 1)
    noisy = (labels[:, None] == labels) ^ (rng.random((24, 24)) < 0.2)
    similar = np.triu(noisy, 1) | np.triu(noisy, 1).T | np.eye(24, dtype=bool)
    made = mpck._State(points, similar, weights)
    made.labels = rng.integers(3, size=24)
    made.centres = rng.normal(size=(3, 4))
    made.metric = rng.random(4) + 0.2
    return made, points, similar


def price(metric, largest, points, similar, labels, i, h, weights):
    """What the pairs of image i cost in cluster h, those of images that have no cluster aside."""
    cost = 0.0
    for j in range(len(points)):
        if j == i or labels[j] < 0:
            continue
        d = sum(metric[c] * (points[i, c] - points[j, c]) ** 2 for c in range(points.shape[1]))
        if similar[i, j] and labels[j] != h:
            cost += weights[0] * d
        if not similar[i, j] and labels[j] == h:
            cost += weights[1] * (sum(metric * largest) - d)
    return cost


def corners(points):
    return (np.maximum(points.max(axis=0), 0) - np.minimum(points.min(axis=0), 0)) ** 2


@pytest.mark.parametrize("known", [True, False])
def test_images_move_one_at_a_time_to_where_they_cost_least(known):
    made, points, similar = state()
    if not known:
        made.labels[:] = -1
    labels, moves = made.labels.copy(), 0
    for i in range(24):
        costs = [
            (made.metric * (points[i] - made.centres[h]) ** 2).sum()
            + price(made.metric, corners(points), points, similar, labels, i, h, (1.0, 0.5))
            for h in range(3)
        ]
        moves += int(np.argmin(costs)) != labels[i]
        labels[i] = int(np.argmin(costs))
    assert made.assign() == moves
    np.testing.assert_array_equal(made.labels, labels)


def test_objective_and_metric_against_loops_over_pairs():
    made, points, similar = state()
    weights, largest = (1.0, 0.5), corners(points)
    wanted, cost = 0.0, np.zeros(4)
    for i in range(24):
        gap = (points[i] - made.centres[made.labels[i]]) ** 2
        wanted, cost = wanted + made.metric @ gap, cost + gap
        for j in range(i + 1, 24):
            between = (points[i] - points[j]) ** 2
            if similar[i, j] and made.labels[i] != made.labels[j]:
                cost += weights[0] * between
                wanted += weights[0] * made.metric @ between
            if not similar[i, j] and made.labels[i] == made.labels[j]:
                cost += weights[1] * (largest - between)
                wanted += weights[1] * made.metric @ (largest - between)
    wanted -= 0.01 * 24 * np.log(made.metric).sum()
    np.testing.assert_allclose(made.objective(), wanted)
    made.learn()
    np.testing.assert_allclose(made.metric, 0.01 * 24 / cost)


def test_the_first_centres_are_components_and_what_lacks_is_near_the_mean():
    points, labels = blobs(30, 5)
    similar = labels[:, None] == labels
    found = mpck.started(points, similar, 3, np.random.default_rng(0))
    means = np.stack([points[labels == c].mean(axis=0) for c in range(5)])
    assert all(np.isclose(means, row).all(axis=1).any() for row in found)
    assert len(np.unique(found.round(6), axis=0)) == 3
    found = mpck.started(points, similar, 8, np.random.default_rng(0))
    ratio = found[5:] / points.mean(axis=0)
    assert ((ratio > 0.64) & (ratio < 1.36)).all()


# N-Cuts


def test_affinities_against_the_formula():
    distances = np.array([[0.0, 1.0, 30.0], [1.0, 0.0, 2.0], [30.0, 2.0, 0.0]])
    found = ncuts.gaussian(distances, 2.0)
    assert found[0, 1] == pytest.approx(np.exp(-0.25))
    assert found[0, 2] == 0.0
    assert (ncuts.gaussian(np.zeros((2, 2)), 0.0) == 1.0).all()


def test_eigenvectors_minimise_the_regularised_cut_dense_or_sparse():
    points, _ = blobs(50, 3, seed=2)
    gaps = np.linalg.norm(points[:, None] - points, axis=2)
    affinity = ncuts.gaussian(gaps, 0.3 * gaps.max())
    dense = ncuts.eigenvectors(affinity, 4, np.random.default_rng(0))
    degrees = affinity.sum(axis=1) + 1.0
    left = (affinity + 0.5 * np.eye(50)) @ dense
    values = (dense * left).sum(axis=0) / (dense * degrees[:, None] * dense).sum(axis=0)
    np.testing.assert_allclose(left, degrees[:, None] * dense * values, atol=1e-10)
    assert (np.diff(values) <= 0).all()
    sparse = ncuts.eigenvectors(csr_array(affinity), 4, np.random.default_rng(0))
    np.testing.assert_allclose(np.abs(sparse), np.abs(dense), atol=1e-6)


def test_the_partition_is_that_of_scikit_learn():
    points, labels = blobs(90, 4, seed=3)
    gaps = np.linalg.norm(points[:, None] - points, axis=2)
    affinity = ncuts.gaussian(gaps, 0.3 * gaps.max())
    draw = np.random.default_rng(0)
    found = ncuts.discretised(ncuts.eigenvectors(affinity, 4, draw), draw)
    theirs = SpectralClustering(
        4, affinity="precomputed", assign_labels="discretize", random_state=0
    ).fit_predict(affinity)
    assert adjusted_rand_score(found, theirs) == 1.0
    assert adjusted_rand_score(found, labels) == 1.0
