"""What a similarity network says about pairs of images that it was not trained for.

Hsu, Lv, Kira, "Learning to cluster in order to transfer across domains and tasks", ICLR 2018:
the N-way test of table 7 (5-way .979, 20-way .935 on Omniglot, 10-way .720 on MNIST), in which the
raw probability picks the nearest exemplar, and the precision and recall of table 13.

    python -m bench run ccn --methods similarity-test

It trains nothing: the presets differ in the network that it needs. As the test protocol leaves open
which of a pair's two orders is asked, the query comes first; `both_orders` averages the two.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.nn.networks import transferred
from bench.registry import method
from bench.tasks import Method, Need, Prediction, Run, SimilarityTask, TaskInfo


@method(
    "similarity-test",
    kinds=("similarity",),
    neutral={"batch": 0, "mean": None, "std": None, "similarity_layers": ()},
)
@dataclass(frozen=True)
class SimilarityTest(Method):
    """Scores of another task's similarity network."""

    both_orders: bool = False
    """Average the probabilities of a pair's two orders; the network is not symmetric."""
    invert: bool | None = None
    """Whether ink is dark here; None: as where the similarity was learned."""
    mean: float | None = None
    """Subtracted from pixels in 0..1; None: as where the similarity was learned. Both papers
    normalise to zero mean and unit deviation, and leave open of which data: MNIST's own are .1307
    and .3081."""
    std: float | None = None
    """What they are divided by."""
    similarity_layers: tuple[int, ...] = ()
    """`layers` of the similarity network."""
    similarity_seed: int | None = None
    """Seed of the similarity network; None: one for each seed."""
    batch: int = 0
    """Ask in training mode: the network takes the statistics of a batch of so many images, and
    crops of them, as where clusters are learned. The task's pairs must be those of such batches,
    one after another. 0: in evaluation mode, on whole images."""

    def __post_init__(self) -> None:
        if self.batch != 0 and self.batch < 2:
            raise ValueError(f"batch = {self.batch} is neither 0 nor at least 2")
        if self.batch and self.both_orders:
            raise ValueError("both_orders is for evaluation mode: set batch = 0")

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The similarity network."""
        similarity = transferred.need(task, self.similarity_seed, self.similarity_layers)
        return {"similarity": similarity}

    def fit(self, task: SimilarityTask, run: Run) -> Prediction:
        """The probability that each pair is similar."""
        needed = run.needed("similarity")
        own = {"invert": self.invert, "mean": self.mean, "std": self.std}
        network, views = transferred.load(needed.architecture, needed.tensors, **own)
        network.to(run.device)
        if self.batch:
            crops = run.generator("augment")
            found = transferred.score_batches(
                network, views, task.target, task.pairs, batch=self.batch, crops=crops
            )
            return Prediction(scores=found)
        scores = transferred.score(network, views, task.target, task.pairs)
        if self.both_orders:
            other = transferred.score(network, views, task.target, task.pairs[:, ::-1].copy())
            scores = (scores + other) / 2
        return Prediction(scores=scores)
