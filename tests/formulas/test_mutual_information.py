"""TEMI's loss, `bench.nn.losses.mutual_information`, against its sums written out."""

import math

import pytest
import torch

from bench.nn.losses.mutual_information import followed, pair_weights, temi_loss

HEADS, N, CLUSTERS = 3, 5, 4


def drawn(seed=0, scale=2.0):
    """Outputs of students and teachers, (H, 2, n, K), and shares of the clusters."""
    generator = torch.Generator().manual_seed(seed)
    shape = (HEADS, 2, N, CLUSTERS)
    student, teacher = (
        scale * torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2)
    )
    shares = torch.rand(HEADS, CLUSTERS, generator=generator, dtype=torch.float64) + 0.1
    return student, teacher, shares / shares.sum(dim=1, keepdim=True)


def literal(p, q, shares, beta):
    """Each head's loss of probabilities, image by image and cluster by cluster."""
    found = []
    for h in range(HEADS):
        total = 0.0
        for i in range(N):
            weight = 0.0
            for g in range(HEADS):
                for c in range(CLUSTERS):
                    weight += float(q[g, 0, i, c] * q[g, 1, i, c]) / HEADS
            both = 0.0
            for own, other in ((0, 1), (1, 0)):
                inner = 0.0
                for c in range(CLUSTERS):
                    product = float(p[h, own, i, c]) * float(q[h, other, i, c])
                    inner += product**beta / float(shares[h, c])
                both += math.log(inner)
            total -= weight * both / 2
        found.append(total / N)
    return found


@pytest.mark.parametrize("beta", [0.6, 1.0])
def test_it_is_the_sum_over_images_heads_and_clusters(beta):
    student, teacher, shares = drawn()
    found = temi_loss(student.log_softmax(dim=3), teacher.log_softmax(dim=3), shares, beta)
    wanted = literal(student.softmax(dim=3), teacher.softmax(dim=3), shares, beta)
    assert found.tolist() == pytest.approx(wanted, rel=1e-12)


def test_a_head_learns_from_its_own_outputs_alone_and_from_all_teachers():
    student, teacher, shares = drawn()
    student.requires_grad_()
    q = teacher.log_softmax(dim=3)
    temi_loss(student.log_softmax(dim=3), q, shares, 0.6)[1].backward()
    assert (student.grad[[0, 2]] == 0).all()
    assert (student.grad[1] != 0).all()
    other = q.clone()
    other[0] = other[0].flip(2)  # in another order the sum is alike
    other[2, 1] = other[2, 1].flip(1)
    p = student.detach().log_softmax(dim=3)
    of_first = [temi_loss(p, x, shares, 0.6)[1].item() for x in (q, other)]
    assert of_first[0] != pytest.approx(of_first[1], rel=1e-6)


def test_outputs_that_are_certain_keep_their_gradients_finite():
    student, teacher, shares = drawn(scale=400.0)
    student = student.float().requires_grad_()
    p, q = student.log_softmax(dim=3), teacher.float().log_softmax(dim=3)
    assert (p.exp() == 0).any()
    temi_loss(p, q, shares.float(), 0.6).sum().backward()
    assert student.grad.isfinite().all()


def test_the_loss_of_even_clusters_that_agree_is_known():
    one_hot = torch.eye(CLUSTERS, dtype=torch.float64).clamp_min(1e-300).log()
    same = one_hot.expand(2, 2, CLUSTERS, CLUSTERS)
    even = torch.full((2, CLUSTERS), 1 / CLUSTERS, dtype=torch.float64)
    assert temi_loss(same, same, even, 1.0).tolist() == pytest.approx([-math.log(CLUSTERS)] * 2)
    assert pair_weights(same).tolist() == pytest.approx([1.0] * CLUSTERS)


def test_shares_follow_the_mean_over_images_and_neighbours():
    _, teacher, shares = drawn()
    q = teacher.softmax(dim=3)
    found = followed(shares, q.log(), 0.9)
    for h in range(HEADS):
        for c in range(CLUSTERS):
            mean = sum(float(q[h, v, i, c]) for v in range(2) for i in range(N)) / (2 * N)
            assert found[h, c].item() == pytest.approx(0.9 * float(shares[h, c]) + 0.1 * mean)
    nobody = torch.full((1, 2, N, 2), -math.inf)
    nobody[..., 0] = 0.0
    assert followed(torch.tensor([[1.0, 0.0]]), nobody, 0.9)[0, 1] > 0
