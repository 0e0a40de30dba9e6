"""The pair-similarity network against the released code's outputs and enumerated pairs."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from bench.nn.networks import similarity as module
from bench.nn.networks.similarity import PairHead, SimilarityNet, similarity
from bench.nn.networks.vggs import vggs

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "similarity_net.npz", allow_pickle=False)
DTYPES = {"f64": torch.float64, "f32": torch.float32}
TOLERANCE: dict[str, Any] = {"f64": {"rtol": 1e-9, "atol": 1e-11}, "f32": {"rtol": 0, "atol": 2e-5}}
NAMES = {
    "features.": "trunk.",
    "last.0.": "head.hidden.",
    "last.1.": "head.norm.",
    "last.3.": "head.output.",
}


def ours(name):
    """Our name of a parameter of the released network."""
    for theirs, mine in NAMES.items():
        if name.startswith(theirs):
            return mine + name.removeprefix(theirs)
    raise KeyError(name)


def arrays(prefix):
    return {
        ours(key.removeprefix(prefix)): torch.tensor(GOLDEN[key])
        for key in GOLDEN.files
        if key.startswith(prefix)
    }


def golden_net(part, dtype):
    """The network of the golden file and its input; for "head" it has no trunk."""
    net = SimilarityNet.of_vggs(1, [8, 16, 16, 16]) if part == "net" else nn.Module()
    if part == "head":
        net.head = PairHead(16)
        net.forward = net.head.forward
    missing, unexpected = net.load_state_dict(arrays(f"{part}_w."), strict=False)
    assert not unexpected
    assert all(name.endswith("num_batches_tracked") for name in missing)
    inputs = torch.tensor(GOLDEN["net_images" if part == "net" else "head_features"])
    return net.to(dtype), inputs.to(dtype).requires_grad_()


def cross_entropy(logits, part):
    target = torch.tensor(GOLDEN[f"{part}_target"])
    return functional.cross_entropy(logits.flatten(0, 1), target)


def assert_close(actual, key, suffix):
    expected = GOLDEN[key]
    actual = actual.detach().numpy().reshape(expected.shape)
    np.testing.assert_allclose(actual, expected, err_msg=key, **TOLERANCE[suffix])


# --- the released code


@pytest.mark.parametrize("suffix", DTYPES)
@pytest.mark.parametrize("part", ["head", "net"])
def test_golden_evaluation_mode(part, suffix):
    net, inputs = golden_net(part, DTYPES[suffix])
    net.eval()
    logits = net(inputs)
    assert_close(logits, f"{part}_logits_eval0_{suffix}", suffix)
    loss = cross_entropy(logits, part)
    assert_close(loss, f"{part}_ce_eval0_{suffix}", suffix)
    (gradient,) = torch.autograd.grad(loss, inputs)
    assert_close(gradient, f"{part}_ce_eval0_grad_input_{suffix}", suffix)


@pytest.mark.parametrize("suffix", DTYPES)
@pytest.mark.parametrize("part", ["head", "net"])
def test_golden_training_mode(part, suffix):
    net, inputs = golden_net(part, DTYPES[suffix])
    logits = net(inputs)
    assert_close(logits, f"{part}_logits_train_{suffix}", suffix)
    loss = cross_entropy(logits, part)
    assert_close(loss, f"{part}_ce_train_{suffix}", suffix)
    loss.backward()
    assert_close(inputs.grad, f"{part}_ce_train_grad_input_{suffix}", suffix)
    gradients = {name: parameter.grad for name, parameter in net.named_parameters()}
    prefixes = (f"{part}_ce_train_grad_{suffix}.", f"{part}_after_{suffix}.")
    for prefix, found in zip(prefixes, (gradients, net.state_dict()), strict=True):
        keys = [key for key in GOLDEN.files if key.startswith(prefix)]
        assert keys
        for key in keys:
            assert_close(found[ours(key.removeprefix(prefix))], key, suffix)
    assert net.head.norm.num_batches_tracked == 1
    assert_close(net.eval()(inputs), f"{part}_logits_eval1_{suffix}", suffix)


def test_full_size_has_the_released_names_and_shapes():
    expected = {
        ours(str(name)): tuple(int(size) for size in shape if size)
        for name, shape in zip(GOLDEN["full_names"], GOLDEN["full_shapes"], strict=True)
    }
    state = SimilarityNet.of_vggs().state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == expected


# --- enumerated pairs


def enumerated(head, first, second):
    """The head's layers on rows [second_j, first_i], as `nn` applies them."""
    rows = [torch.cat([f, g]) for g in first for f in second]
    logits = head.output(torch.relu(head.norm(head.hidden(torch.stack(rows)))))
    return logits.view(len(first), len(second), 2)


def twins(features=5):
    torch.manual_seed(0)
    one, other = (PairHead(features).double() for _ in range(2))
    with torch.no_grad():
        one.norm.weight.uniform_(-1, 1)
        one.norm.bias.uniform_(-1, 1)
        one.norm.running_mean.uniform_(-1, 1)
        one.norm.running_var.uniform_(0.5, 2)
    other.load_state_dict(one.state_dict())
    return one, other


@pytest.mark.parametrize("block", [1, 700, 2**19])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("rectangle", [True, False])
def test_enumerated_pairs(monkeypatch, rectangle, training, block):
    monkeypatch.setattr(module, "_BLOCK", block)
    head, reference = twins()
    head.train(training), reference.train(training)
    first = torch.randn(7, 5).double().requires_grad_()
    second = torch.randn(4, 5).double().requires_grad_() if rectangle else first
    results = []
    for net, logits in (
        (head, head(first, second if rectangle else None)),
        (reference, enumerated(reference, first, second)),
    ):
        weights = torch.sin(torch.arange(logits.numel())).view_as(logits).double()
        leaves = [first, *([second] if rectangle else []), *net.parameters()]
        gradients = torch.autograd.grad((weights * logits).sum(), leaves)
        results.append([logits, *gradients, *net.buffers()])
    for mine, its in zip(*results, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-9, atol=1e-12)


def test_gradients_agree_with_finite_differences():
    torch.manual_seed(1)
    inputs = [torch.randn(*shape).double() for shape in ((4, 6), (3, 6), (2, 6))]
    inputs = [tensor.requires_grad_() for tensor in inputs]
    assert torch.autograd.gradcheck(module._RectifiedSum.apply, inputs)


def test_pooling_before_relu_is_pooling_after_it():
    torch.manual_seed(0)
    trunk: Any = vggs(2, [3, 4]).double()
    images = torch.randn(6, 2, 8, 8).double()
    x = images
    for conv, norm in ((trunk[0], trunk[1]), (trunk[4], trunk[5])):
        x = functional.max_pool2d(
            functional.batch_norm(
                conv(x), None, None, norm.weight, norm.bias, training=True
            ).relu(),
            2,
        )
    torch.testing.assert_close(trunk(images), x.flatten(1), rtol=1e-12, atol=1e-12)


# --- use


def test_similarity_is_the_probability_of_class_one_and_not_symmetric():
    head, _ = twins()
    features = torch.randn(6, 5).double().requires_grad_()
    head.eval()
    expected = head(features).softmax(dim=2)[..., 1]
    found = similarity(head, features)
    assert not found.requires_grad
    torch.testing.assert_close(found, expected.detach(), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(found, found.T)
    torch.testing.assert_close(similarity(head, features[:2], features[2:]), found[:2, 2:])


def test_a_head_learns_which_features_agree():
    torch.manual_seed(0)
    head, labels = PairHead(4), torch.arange(24) % 3
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-2)
    target = (labels[:, None] == labels).long().flatten()
    for _ in range(60):
        features = functional.one_hot(labels, 4) + 0.2 * torch.randn(24, 4)
        loss = functional.cross_entropy(head(features).flatten(0, 1), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = similarity(head.eval(), functional.one_hot(labels, 4).float()) > 0.5
    assert torch.equal(found, labels[:, None] == labels)


def test_autocast_leaves_the_logits_in_single_precision():
    torch.manual_seed(0)
    head, features = PairHead(8), torch.randn(5, 8, requires_grad=True)
    exact = head(features)
    with torch.autocast("cpu", torch.bfloat16):
        logits = head(features)
        loss = logits.square().sum()
    loss.backward()
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, exact, rtol=0.05, atol=0.05)
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()


def test_nan_is_not_swallowed():
    head, _ = twins()
    features = torch.randn(6, 5).double()
    features[3, 1] = math.nan
    assert head(features).isnan().all()
    head, _ = twins()
    logits = head.eval()(features)
    assert logits[3].isnan().all()
    assert logits[:, 3].isnan().all()
    assert torch.isfinite(logits[:3, :3]).all()


def test_bad_input_is_named():
    head = PairHead(5)
    with pytest.raises(ValueError, match="one pair has no variance"):
        head(torch.randn(1, 5))
    assert head(torch.randn(1, 5), torch.randn(2, 5)).shape == (1, 2, 2)
    assert head.eval()(torch.randn(1, 5)).shape == (1, 1, 2)
    with pytest.raises(ValueError, match=r"features have shape \(0, 5\), not \(n, 5\)"):
        head(torch.randn(0, 5))
    with pytest.raises(ValueError, match=r"features have shape \(3, 4\), not \(n, 5\)"):
        head(torch.randn(2, 5), torch.randn(3, 4))
    with pytest.raises(ValueError, match="size = 8 is too small: 4 poolings need 16 pixels"):
        SimilarityNet.of_vggs(size=8)
