"""The compiled pair head against its definition, against the blocked form, and byte for byte."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
import torch
from torch.nn import functional

from bench import registry
from bench.errors import BenchError
from bench.nn.images.views import Views
from bench.nn.networks import rectified, transferred
from bench.nn.networks.rectified import rectified_sum
from bench.nn.networks.similarity import PairHead

SHAPES = [(1, 1, 8), (4, 4, 1024), (5, 3, 24), (2, 7, 1032), (9, 10, 2056)]


def drawn(n, m, units, seed=0):
    """Addends of both sides, weights, and a gradient of the output."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(m, units), (n, units), (units,), (n, m)]
    return [torch.randn(shape, generator=generator) for shape in shapes]


def literal(a, b, weight):
    """The definition, pair by pair in float64."""
    rows = [[(weight * (x + y).clamp_min(0)).sum() for x in a] for y in b]
    return torch.stack([torch.stack(row) for row in rows])


@pytest.mark.parametrize("shape", SHAPES)
def test_sum_and_gradients_equal_the_definition(shape):
    *inputs, grad = drawn(*shape)
    inputs = [x.requires_grad_() for x in inputs]
    exact = [x.detach().double().requires_grad_() for x in inputs]
    out, wanted = rectified_sum(*inputs), literal(*exact)
    torch.testing.assert_close(out.double(), wanted, rtol=1e-5, atol=1e-4)
    found = torch.autograd.grad(out, inputs, grad)
    gradients = torch.autograd.grad(wanted, exact, grad.double())
    for one, other in zip(found, gradients, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-4)


def test_a_value_of_zero_has_no_gradient_and_nan_stays():
    a, b, weight = torch.tensor([[1.0] * 8]), torch.tensor([[-1.0] * 8]), torch.ones(8)
    inputs = [x.requires_grad_() for x in (a, b, weight)]
    found = torch.autograd.grad(rectified_sum(*inputs).sum(), inputs)
    assert not any(gradient.any() for gradient in found)
    a, b, weight, _ = drawn(6, 5, 16)
    a[3, 11] = torch.nan
    assert torch.equal(rectified_sum(a, b, weight).isnan().any(dim=0), torch.arange(5) == 3)


def test_strided_addends_are_taken_as_they_are():
    a, b, weight, _ = drawn(6, 5, 16)
    wide = torch.stack([a, -a], dim=2)[..., 0], torch.stack([b, -b], dim=2)[..., 0]
    assert not wide[0].is_contiguous()
    assert torch.equal(rectified_sum(*wide, weight), rectified_sum(a, b, weight))


def test_the_bytes_do_not_depend_on_the_processor_that_it_is_compiled_for(tmp_path):
    """Plain code for any processor of the family, without optimisation, adds in the same order."""
    (tmp_path / "k.c").write_text(rectified._SOURCE)
    flags = ["-O1", "-ffp-contract=off", "-shared", "-fPIC", "-Wno-psabi"]
    command = [shutil.which("cc") or "", *flags, "k.c", "-o", "k.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    plain = ctypes.CDLL(str(tmp_path / "k.so"))
    a, b, weight, grad = drawn(13, 11, 2056)
    outs = []
    for kernel in (plain, rectified._kernel()):
        out, sum_a, sum_b = torch.zeros(13, 11), torch.empty_like(a), torch.empty_like(b)
        rectified._call(kernel.forward, a, b, weight, out)
        rectified._call(kernel.backward, a, b, grad, sum_a, sum_b, torch.empty(2, 11, 8))
        outs.append((out, sum_a, sum_b))
    for one, other in zip(*outs, strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes()


def test_both_forms_of_the_head_give_one_cross_entropy_and_its_gradients():
    torch.manual_seed(0)
    blocked = PairHead(32)
    compiled = PairHead(32, form="compiled")
    compiled.load_state_dict(blocked.state_dict())
    features, target = torch.randn(12, 32), torch.randint(2, (144,))
    losses, gradients = [], []
    for head in (blocked, compiled):
        x = features.clone().requires_grad_()
        loss = functional.cross_entropy(head(x).flatten(0, 1), target)
        losses.append(loss.detach())
        gradients.append(torch.autograd.grad(loss, [x, *head.parameters()]))
    torch.testing.assert_close(*losses, rtol=1e-6, atol=1e-6)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-6)
    for name, value in blocked.state_dict().items():
        assert torch.equal(value, compiled.state_dict()[name])


def test_what_it_cannot_compute_is_named():
    a, b, weight, _ = drawn(2, 2, 8)
    with pytest.raises(ValueError, match="float32 on the CPU alone"):
        rectified_sum(a.double(), b.double(), weight.double())
    with pytest.raises(ValueError, match="a multiple of 8 units, not 7"):
        rectified_sum(a[:, :7], b[:, :7], weight[:7])


def test_a_failing_compiler_is_named_and_none_makes_the_cell_unavailable(tmp_path, monkeypatch):
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho 'no such target' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    build = rectified._kernel.__wrapped__
    with pytest.raises(RuntimeError, match="cc cannot build the pair head: no such target"):
        build()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert "no C compiler here" in rectified.lacking()
    with pytest.raises(RuntimeError, match="no C compiler here"):
        build()
    info = registry.get("similarity")
    assert info.build({"head": "compiled"}).unavailable() == rectified.lacking()
    assert info.build({}).unavailable() == ""


def test_the_form_travels_with_the_network_and_is_no_part_of_older_descriptions():
    plain = transferred.describe(1, (4, 8), Views(size=8))
    assert "head" not in plain
    text = transferred.describe(1, (4, 8), Views(size=8), head="compiled")
    assert transferred.build(plain)[0].head.form == "blocked"
    net, _ = transferred.build(text)
    assert net.head.form == "compiled"
    x = torch.from_numpy(np.random.default_rng(0).random((6, 1, 8, 8), np.float32))
    other, _ = transferred.build(plain)
    other.load_state_dict(net.state_dict())
    assert torch.equal(transferred.label(net, x), transferred.label(other, x))


def test_the_blocked_form_is_the_neutral_one_and_others_are_unknown():
    info = registry.get("similarity")
    assert info.neutral["head"] == "blocked"
    with pytest.raises(BenchError, match="head"):
        info.params("paper", {"head": "compilde"})
