"""The balanced assignment, against the literal iteration and the released code's outputs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.nn.clustering import transport
from bench.nn.clustering.scaling import solve
from bench.nn.clustering.transport import Stop, balance

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "sinkhorn.npz", allow_pickle=False)
CASES = [str(case) for case in GOLDEN["cases"]]


def literal(p, sharpness, clusters, samples, iterations):
    """Row and column factors in turn, as in the paper's equation 7; Q, (N, K)."""
    kernel = p**sharpness
    b = samples
    for _ in range(iterations):
        a = clusters / (kernel.T @ b)
        b = samples / (kernel @ a)
    return b[:, None] * kernel * a


def random_log_p(n, k, scale=2.0, dtype=torch.float64):
    logits = torch.randn(n, k, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (scale * logits).log_softmax(dim=1).to(dtype)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("script", ["main", "cifar"])
def test_labels_and_stopping_are_the_released_codes(case, script):
    p = torch.from_numpy(GOLDEN[f"P__{case}"])
    stop = Stop(tolerance={"main": 0.1, "cifar": 0.01}[script], memory=0)
    plan = balance(p.log(), float(case.split("lam")[1]), stop=stop)
    assert plan.iterations == int(GOLDEN[f"iters_{script}__{case}"])
    assert plan.error == pytest.approx(float(GOLDEN[f"err_{script}__{case}"]), rel=1e-6, abs=1e-11)
    assert plan.converged
    np.testing.assert_array_equal(plan.labels, GOLDEN[f"labels_{script}__{case}"])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("script", ["main", "cifar"])
def test_extrapolated_labels_are_the_released_codes_from_fewer_iterations(case, script):
    p = torch.from_numpy(GOLDEN[f"P__{case}"])
    stop = Stop(tolerance={"main": 0.1, "cifar": 0.01}[script])
    plan = balance(p.log(), float(case.split("lam")[1]), stop=stop)
    np.testing.assert_array_equal(plan.labels, GOLDEN[f"labels_{script}__{case}"])
    assert plan.converged
    assert plan.iterations < int(GOLDEN[f"iters_{script}__{case}"])


@pytest.mark.parametrize("sharpness", [3.0, 25.0, 100.0])
def test_the_bound_on_the_error_is_one_and_the_limit_is_the_published_plan(sharpness):
    log_p, tight = random_log_p(500, 9, scale=3.0), 1e-7
    fast = balance(log_p, sharpness, stop=Stop(tolerance=tight))
    slow = balance(log_p, sharpness, stop=Stop(tolerance=tight, memory=0))
    assert fast.converged
    assert slow.converged
    assert fast.iterations < slow.iterations
    np.testing.assert_allclose(
        fast.log_a - fast.log_a.mean(), slow.log_a - slow.log_a.mean(), atol=1e-6
    )
    # One published step from where it stopped, b from a, the next a from b, the next b from that.
    kernel = (sharpness * log_p + fast.log_a).softmax(dim=1)
    turn = (1 / 9) / kernel.mean(dim=0)
    assert float((kernel @ turn - 1).abs().sum()) <= fast.error * (1 + 1e-6) <= tight


def test_a_limit_gives_the_last_point_that_was_kept():
    """Wherever it ends, no labels are those of an extrapolation that went astray."""
    log_p = random_log_p(1000, 5, scale=8.0)
    plans = [balance(log_p, 60.0, stop=Stop(1e-9, limit=i)) for i in range(1, 40)]
    apart = [float((plan.columns / plan.columns.sum() - 0.2).abs().sum()) for plan in plans]
    for plan, lack in zip(plans, apart, strict=True):
        assert plan.error <= 1000 * lack * (1 + 1e-6) + 1e-6
        assert len(plan.labels.unique()) == 5
    assert max(apart[20:]) < min(apart[:3])


def test_a_point_that_is_no_nearer_is_dropped(monkeypatch):
    """Extrapolation to anywhere, and to nowhere: the plan is reached all the same."""
    log_p = random_log_p(300, 6, scale=3.0)
    exact = balance(log_p, 25.0, stop=Stop(tolerance=1e-6, memory=0))
    for wrong in (3.0, -40.0, float("nan")):
        mixture = lambda turns, step, rcond: (np.full(turns.shape[1], wrong),)  # noqa: B023, E731
        monkeypatch.setattr(np.linalg, "lstsq", mixture)
        plan = balance(log_p, 25.0, stop=Stop(tolerance=1e-6))
        assert plan.converged
        assert plan.iterations <= 2 * exact.iterations + 2
        np.testing.assert_array_equal(plan.labels, exact.labels)


@pytest.mark.parametrize("case", CASES)
def test_the_plan_is_the_released_codes(case):
    p = torch.from_numpy(GOLDEN[f"P__{case}"])
    sharpness = float(case.split("lam")[1])
    plan = balance(p.log(), sharpness, stop=Stop(memory=0))
    q = (sharpness * p.log() + plan.log_a).softmax(dim=1) / len(p)
    np.testing.assert_allclose(q, GOLDEN[f"Q_main__{case}"], rtol=1e-9)
    np.testing.assert_allclose(plan.columns, GOLDEN[f"Q_main__{case}"].sum(axis=0), rtol=1e-9)


def test_shares_are_met_as_literally():
    log_p = random_log_p(23, 5)
    clusters, samples = np.full(5, 1 / 5), np.full(23, 1 / 23)
    plan = balance(log_p, 3.0, stop=Stop(tolerance=1e-13, limit=200, memory=0))
    q = literal(log_p.exp().numpy(), 3.0, clusters, samples, plan.iterations)
    np.testing.assert_allclose(plan.columns, q.sum(axis=0), rtol=1e-11)
    np.testing.assert_array_equal(plan.labels, q.argmax(axis=1))
    np.testing.assert_allclose(plan.columns, clusters, atol=1e-6)


@pytest.mark.parametrize("sharpness", [1.0, 25.0, 100.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sums_hold_for_any_sharpness_and_uneven_division(sharpness, dtype):
    """1,003 samples for 10 clusters; a confident network that prefers some clusters."""
    log_p = random_log_p(1003, 10, scale=4.0)
    log_p = (log_p + torch.arange(10)).log_softmax(dim=1).to(dtype)
    plan = balance(log_p, sharpness, stop=Stop(tolerance=1e-2))
    assert plan.converged
    assert torch.isfinite(plan.log_a).all()
    np.testing.assert_allclose(plan.columns * 10, np.ones(10), atol=1e-3)
    assert len(plan.labels) == 1003
    assert int(plan.labels.bincount(minlength=10).min()) >= 80


def test_float32_labels_are_those_of_float64():
    log_p = random_log_p(5000, 20)
    plans = [balance(log_p.to(t), 10.0) for t in (torch.float32, torch.float64)]
    assert (plans[0].labels == plans[1].labels).float().mean() >= 0.999


def test_a_kernel_out_of_range_falls_back_to_logarithms(monkeypatch):
    """A trial that saw none of what is to come: its factors are all one."""
    monkeypatch.setattr(transport, "_trial", lambda kernel, clusters: clusters.log())
    log_p = (random_log_p(600, 6) + 4.0 * torch.arange(6)).log_softmax(dim=1)
    exact, close = balance(log_p, 50.0, stop=Stop(memory=0)), balance(log_p, 50.0)
    plan = balance(log_p.float(), 50.0, stop=Stop(memory=0))
    assert plan.iterations == exact.iterations
    for labels in (plan.labels, close.labels, balance(log_p.float(), 50.0).labels):
        assert (labels == exact.labels).all()
    with pytest.raises(ValueError, match="overwrite=False"):
        balance(log_p.float(), 50.0, overwrite=True)


@pytest.mark.parametrize("memory", [0, 5])
def test_a_kernel_that_lost_a_cluster_is_given_up_at_once(monkeypatch, memory):
    """A trial that saw none of the cluster's lack: its entries are zero in float32."""
    monkeypatch.setattr(transport, "_trial", lambda kernel, clusters: clusters.log())
    plans = []

    def watched(*given):
        plans.append(solve(*given))
        return plans[-1]

    monkeypatch.setattr("bench.nn.clustering.transport.solve", watched)
    log_p = (random_log_p(600, 6) + 4.0 * torch.arange(6)).log_softmax(dim=1)
    balance(log_p.float(), 50.0, stop=Stop(memory=memory))
    assert [bool(torch.isfinite(plan.columns).all()) for plan in plans] == [False, True]
    assert plans[0].iterations < 10
    assert not plans[0].converged
    assert plans[1].converged


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_and_overwriting_change_no_byte(threads):
    log_p, before = random_log_p(3000, 7, dtype=torch.float32), torch.get_num_threads()
    torch.set_num_threads(1)
    kept = log_p.clone()
    plan = balance(log_p, 25.0)
    assert torch.equal(log_p, kept)
    torch.set_num_threads(threads)
    try:
        again = balance(log_p, 25.0, overwrite=True)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert torch.equal(plan.log_a, again.log_a)
    assert torch.equal(plan.labels, again.labels)
    assert not torch.equal(log_p, kept)


def test_stopping_early_is_told():
    plan = balance(random_log_p(400, 8), 25.0, stop=Stop(limit=3))
    assert not plan.converged
    assert plan.iterations == 3


def test_probabilities_of_zero_are_allowed_where_others_are_left():
    log_p = random_log_p(60, 3)
    log_p[:10, 0] = -torch.inf
    plan = balance(log_p, 5.0)
    assert plan.converged
    assert (plan.labels[:10] != 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.index_fill_(0, torch.tensor([4]), -torch.inf), "sample 4"),
        (lambda p: p.index_fill_(0, torch.tensor([7]), torch.nan), "sample 7"),
        (lambda p: p.index_fill_(1, torch.tensor([2]), -torch.inf), "cluster 2"),
    ],
)
def test_samples_and_clusters_without_probability_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        balance(change(random_log_p(20, 3)), 25.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sharpness": 0.0}, "sharpness = 0.0 must be"),
        ({"sharpness": float("nan")}, "sharpness = nan must be"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        balance(random_log_p(20, 3), **options)


@pytest.mark.parametrize("log_p", [torch.zeros(3, 4), torch.zeros(5), torch.zeros(4, 2).long()])
def test_more_clusters_than_samples_and_other_shapes_are_refused(log_p):
    with pytest.raises(ValueError, match=r"at most N|not float32"):
        balance(log_p)


@pytest.mark.parametrize("bad", [{"tolerance": 0.0}, {"every": 0}, {"limit": 0}])
def test_a_rule_that_never_stops_is_refused(bad):
    with pytest.raises(ValueError, match="must be above 0"):
        Stop(**bad)
