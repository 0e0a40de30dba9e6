"""Evidence that code gives the results that it gave: tiny cells replayed, compared by digest.

The witness is data: `witness.toml` with the plug-ins in `witness/` has short cells of every method
and of every network, and `blocks.toml` has the methods that work on blocks, with the blocks made
small by `blocks/small.py`. `bench prove` replays both by the code as it is and compares digests of
predictions, tensors and logged values at full precision with `results/reference/witness.json`, or
with what the code of another commit gives. A method is shown to be the same where all its cells are
and those of each network that its fingerprint covers; see `bench.store.equal` for what that means
for records. A test fails while a method has other code than was proven.

What this cannot see, and what to do about it:

- Parameters that no row sets, and branches that depend on a size beyond small blocks (the share of
  images that a method samples of very many, the threshold of a fallback). Add a row with the change
  that touches one; `prove --digits` has 49 cells at ten times the size, and `check` whole tables.
- A method together with a network that it is not replayed with: both are, each by itself.
- Weights that somebody else trained: the witness of `weights` reads a file that is made for it.
- Another device or type: an equivalence holds for what it was shown on, a CPU and float32, or what
  `--at COMMIT --dtype bfloat16` says, which replays the methods that can compute in it.
- Another processor or other libraries: digests may differ though no code has. `prove` says so, and
  `prove --at COMMIT` compares two codes here. A record's versions are shown by `status` and `show`.
- The harness before and after a method: `tests/results/test_protocol.py` and
  `bench.store.code.scoring`.
"""
