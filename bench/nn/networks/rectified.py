"""The sum over hidden units of a grid of pairs by a small C kernel, built when it is first used.

    out_ij = sum over units c of w_c max(0, a_jc + b_ic)

`bench.nn.networks.similarity` takes that sum, of two columns of weights, by blocks of a matrix
product, which writes and reads each hidden value several times. Here it stays in registers. Of two
logits only the difference counts, so one column is enough: its gradient is that of both, but for
the sign. Backward needs two sums of the derivative m_ijc = [a_jc + b_ic > 0] alone,

    A_jc = sum over i of g_ij m_ijc,   B_ic = sum over j of g_ij m_ijc,

from which the gradients of a, b and w are w_c A_jc, w_c B_ic and the sum over pairs of
g_ij m_ijc (a_jc + b_ic) = sum over j of a_jc A_jc + sum over i of b_ic B_ic.

The order of all additions stands in the source, products and sums are rounded apart, and so a
kernel gives the same bytes whatever the compiler and the processor. It is no part of the
installation: a C compiler `cc` must be here when it runs, which takes less than a second to build
it, in a folder that is gone afterwards.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC")

_SOURCE = r"""
#include <string.h>

/* Eight floats; loads and stores of any alignment. */
typedef float V __attribute__((vector_size(32), aligned(4), may_alias));
typedef int I __attribute__((vector_size(32), aligned(4), may_alias));
typedef long L;

enum { LANES = 8, TILE = 4, SPAN = 1024 };

/* max(0, x), and g where x > 0, else 0; NaN stays NaN, as it does in the blocked form. */
static inline V rectified(V x) { return (V)((I)x & ~(x <= 0.0f)); }
static inline V passed(V g, V x) { return (V)((I)g & ~(x <= 0.0f)); }

static inline float total(V x) {
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

/* One row of a against `rows` rows of b, over units start..stop. */
static inline __attribute__((always_inline)) void pairs(
    const float *a, const float *b, const float *w, float *out,
    L start, L stop, L units, L m, int rows) {
    V sums[TILE] = {{0}};
    for (L c = start; c < stop; c += LANES) {
        V x = *(const V *)(a + c), weight = *(const V *)(w + c);
        for (int r = 0; r < rows; r++)
            sums[r] += weight * rectified(x + *(const V *)(b + r * units + c));
    }
    for (int r = 0; r < rows; r++) out[r * m] += total(sums[r]);
}

/* a: (m, units), b: (n, units), w: (units,), units a multiple of LANES; out: (n, m), zeros. */
void forward(const float *a, const float *b, const float *w, float *out, L n, L m, L units) {
    for (L start = 0; start < units; start += SPAN) {
        L stop = start + SPAN < units ? start + SPAN : units;
        for (L i = 0; i < n; i += TILE)
            for (L j = 0; j < m; j++) {
                const float *x = a + j * units, *y = b + i * units;
                float *o = out + i * m + j;
                if (n - i >= TILE) pairs(x, y, w, o, start, stop, units, m, TILE);
                else pairs(x, y, w, o, start, stop, units, m, (int)(n - i));
            }
    }
}

/* Of eight units: every row of a, packed, against `rows` rows of b. */
static inline __attribute__((always_inline)) void slopes(
    const V *a, V *sum_a, const float *b, float *sum_b, const float *g,
    L m, L units, int rows) {
    V y[TILE] = {{0}}, sums[TILE] = {{0}};
    for (int r = 0; r < rows; r++) y[r] = *(const V *)(b + r * units);
    for (L j = 0; j < m; j++) {
        V x = a[j], sum = sum_a[j];
        for (int r = 0; r < rows; r++) {
            V slope = passed(g[r * m + j] - (V){0}, x + y[r]);
            sums[r] += slope;
            sum += slope;
        }
        sum_a[j] = sum;
    }
    for (int r = 0; r < rows; r++) *(V *)(sum_b + r * units) = sums[r];
}

/* g: (n, m); sum_a: (m, units), sum_b: (n, units); packed: room for 2 m vectors. */
void backward(const float *a, const float *b, const float *g, float *sum_a, float *sum_b,
              float *packed, L n, L m, L units) {
    V *x = (V *)packed, *sums = x + m;
    for (L c = 0; c < units; c += LANES) {
        for (L j = 0; j < m; j++) x[j] = *(const V *)(a + j * units + c);
        memset(sums, 0, m * sizeof(V));
        for (L i = 0; i < n; i += TILE) {
            const float *y = b + i * units + c, *slope = g + i * m;
            float *into = sum_b + i * units + c;
            if (n - i >= TILE) slopes(x, sums, y, into, slope, m, units, TILE);
            else slopes(x, sums, y, into, slope, m, units, (int)(n - i));
        }
        for (L j = 0; j < m; j++) *(V *)(sum_a + j * units + c) = sums[j];
    }
}
"""


def rectified_sum(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """Out_ij = sum over units c of weight_c max(0, a_jc + b_ic).

    Args:
        a: Float32 on the CPU, (m, units), units a multiple of 8.
        b: (n, units).
        weight: (units,).

    Returns:
        (n, m); NaN where a row of `a` or `b` holds NaN.

    Raises:
        ValueError: another dtype, device or number of units.
        RuntimeError: no C compiler, or it fails.
    """
    if any(x.dtype != torch.float32 or x.device.type != "cpu" for x in (a, b, weight)):
        raise ValueError("the compiled pair head computes in float32 on the CPU alone")
    if a.shape[1] % 8:
        raise ValueError(f"the compiled pair head takes a multiple of 8 units, not {a.shape[1]}")
    out: Tensor = _RectifiedSum.apply(a, b, weight)
    return out


class _RectifiedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
        a, b, weight = a.contiguous(), b.contiguous(), weight.contiguous()
        ctx.save_for_backward(a, b, weight)
        out = a.new_zeros(len(b), len(a))
        _call(_kernel().forward, a, b, weight, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, b, weight = ctx.saved_tensors
        sum_a, sum_b = torch.empty_like(a), torch.empty_like(b)
        packed = a.new_empty(2, len(a), 8)
        _call(_kernel().backward, a, b, grad.contiguous(), sum_a, sum_b, packed)
        grad_weight = (a * sum_a).sum(dim=0) + (b * sum_b).sum(dim=0)
        return sum_a.mul_(weight), sum_b.mul_(weight), grad_weight


def _call(function: Any, a: Tensor, b: Tensor, *others: Tensor) -> None:
    """Hand tensors to a function of the kernel, then n, m and units."""
    pointers = [ctypes.c_void_p(x.data_ptr()) for x in (a, b, *others)]
    function(*pointers, *map(ctypes.c_long, (len(b), len(a), a.shape[1])))


def lacking() -> str:
    """Why the kernel cannot be built here; "" where a compiler is."""
    if any(map(shutil.which, _COMPILERS)):
        return ""
    return f"no C compiler here: install {' or '.join(_COMPILERS[1:])}, or leave the head 'blocked'"


@cache
def _kernel() -> ctypes.CDLL:
    """The compiled functions, built once in a process."""
    compiler = next((name for name in _COMPILERS if shutil.which(name)), "")
    if not compiler:
        raise RuntimeError(lacking())
    with tempfile.TemporaryDirectory() as folder:
        source, built = Path(folder) / "rectified.c", Path(folder) / "rectified.so"
        source.write_text(_SOURCE, encoding="utf-8")
        command = [compiler, *_FLAGS, str(source), "-o", str(built)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip() or "no message").split("\n", 1)[0]
            raise RuntimeError(f"{compiler} cannot build the pair head: {reason}")
        return ctypes.CDLL(str(built))
