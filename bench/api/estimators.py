"""Methods as scikit-learn's estimators, on images in memory.

    import bench
    labels = bench.estimator("dec", n_clusters=10).fit_predict(images)

What a method needs first, such as an autoencoder or a similarity network, is planned as the harness
plans it and computed in this process. With the name of a registered task and its images the result
is, to the byte, the one that `bench run` stores.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from bench import registry
from bench.api.own_images import OwnImages, Target, images_of, labelled, target_of
from bench.datasets import get_task
from bench.errors import BenchError, NotImages, Unfit, Unknown, unknown
from bench.method_info import MethodInfo
from bench.plan import graph
from bench.plan.answers import refuses
from bench.plan.cell import LARGEST_SEED, PRESETS
from bench.run.inprocess import Fitted, compute
from bench.tasks import Kind, Need

_KINDS: tuple[Kind, ...] = ("cluster", "adapt", "represent")
_OWN: dict[str, Any] = {
    "random_state": 0,
    "preset": "quick",
    "task": "images",
    "device": "cpu",
    "dtype": "float32",
    "needed": None,
}
"""Parameters that every estimator has beside its method's, and their values."""
_CLUSTERS = 8
"""As scikit-learn's K-means has it."""


class MethodEstimator(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """A method of the registry; `estimator` makes them.

    Parameters are the method's own, with the values of the quick preset, and:

    Args:
        n_clusters: K, at least 1; only of methods that are told it.
        random_state: The harness's seed, in 0..2^31-1; or None or a `numpy.random.RandomState`,
            of which one is drawn.
        preset: "quick" or "paper": the budget of the methods that it needs first.
        task: The name from which seeds are drawn: "images", or that of a registered task.
        device: "cpu" or "cuda".
        dtype: "float32" or "bfloat16", for methods that accept it.
        needed: Method -> parameter -> value, of the methods that it needs first; others change
            nothing.

    Attributes:
        labels_: int64, (N,), each image's cluster in 0..K-1, in the order of the images; of
            methods that adapt to another domain, its class among the labels of the source; of
            methods that learn a representation by pseudo-labels, such as SeLa, these.
        tensors_: Name -> tensor on the CPU, such as the weights of its network; empty of methods
            that give none back (with `keep=True` some do).
        architecture_: The network that they fit, for `bench.nn.networks.load`; "" without one.
        logged_: Name -> [[step, value], …], what it logged while it trained.
        n_features_in_: Values of each vector, where it was fitted to vectors.
    """

    method: ClassVar[str] = ""
    """Its name in the registry."""

    def fit(
        self,
        X: npt.ArrayLike,
        y: Any = None,  # noqa: ARG002 - as every estimator has it
        *,
        source: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        auxiliary: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    ) -> Self:
        """Cluster images.

        Args:
            X: uint8, (N, height, width) or (N, height, width, channels), in 0..255. Methods that
                cluster pixels without a network, such as kmeans, take vectors too, (N, D), finite.
            y: Ignored.
            source: Images and labels of other classes of the same domain, or of another domain to
                adapt from; the first as `X`, labels (M,) of any sortable type.
            auxiliary: Images and labels of another domain, to learn a similarity from.

        Raises:
            Unfit: the images, or the parameters for them, are none that the method takes.
            BenchError: an unknown parameter or value, or a method that it needs and cannot have.
        """
        target = self._target(X)
        given, classes = labelled(source, "source")
        own = OwnImages(
            self.task, _kind(self._info()), target, given, labelled(auxiliary, "auxiliary")[0]
        )
        try:
            found = self._computed(own)
        except Unfit as error:
            if not isinstance(error.__cause__, NotImages):
                raise
            raise Unfit(
                f"{self.method} takes uint8 images, (N, height, width) or (N, height, width, "
                f"channels), not {np.asarray(X).dtype} vectors of shape {np.shape(X)}"
            ) from error
        assignments = found.prediction.assignments
        if assignments is None:
            raise Unfit(f"{self.method} learns a representation and makes no clusters")
        labels = target.restored(np.asarray(assignments, np.int64))
        self.labels_ = classes[labels] if own.kind == "adapt" else labels
        self.tensors_ = dict(found.prediction.tensors)
        self.architecture_ = found.prediction.architecture
        self.logged_ = found.logged
        return self

    def _computed(self, own: OwnImages) -> Fitted:
        """Plan the method's cell and all that it needs, and compute them."""
        info = self._info()
        self._refuse_wrong()
        if lacks := refuses(info, self.dtype):
            raise BenchError(str(lacks[0]))
        setting = {"n_clusters": self._count(own.target)} if own.kind == "cluster" else {}
        params = {name: _plain(getattr(self, name)) for name in info.params("quick", {})}
        asked = Need(self.method, params, self.task, self._seed())
        options = graph.Options(
            preset=self.preset, device=self.device, dtype=self.dtype, given=self._needed()
        )
        plan = own.planned(self.method, lambda specs: graph.chain(asked, specs, options, setting))
        return compute(plan, lambda cell: own.task(cell, plan.own))[-1]

    def _refuse_wrong(self) -> None:
        """Raise a BenchError for what `set_params` takes of anybody."""
        if self.preset not in PRESETS:
            raise unknown("preset", str(self.preset), PRESETS)
        if self.device not in ("cpu", "cuda"):
            raise BenchError(f"device = {self.device!r} is neither 'cpu' nor 'cuda'")
        if not isinstance(self.task, str):
            raise BenchError(f"task = {self.task!r} is no name, such as 'images'")
        if self.task != _OWN["task"]:
            get_task(self.task, where="task")  # another name would draw other seeds

    def _target(self, X: npt.ArrayLike) -> Target:
        """The images, or vectors as images of one row; raises Unfit for others."""
        if np.ndim(X) > 2:
            self.__dict__.pop("n_features_in_", None)  # of an earlier fit to vectors
            return target_of(images_of(X, "X"))
        found = validate_data(self, X, dtype=(np.float64, np.float32, np.uint8))
        if found.dtype != np.uint8:
            # Methods divide by 255: vectors are what pixels are after that.
            found = found.astype(np.float64) * 255
        return target_of(np.ascontiguousarray(found)[:, None, :, None])

    def _count(self, target: Target) -> int:
        k = _plain(self.n_clusters)
        if type(k) is not int or not 1 <= k <= len(target.images):
            raise Unfit(f"n_clusters = {k!r} must be a whole number in 1..{len(target.images)}")
        return k

    def _seed(self) -> int:
        seed = _plain(self.random_state)
        if type(seed) is not int:
            return int(check_random_state(seed).randint(LARGEST_SEED))
        if not 0 <= seed <= LARGEST_SEED:
            raise Unfit(f"random_state = {seed} must lie in 0..{LARGEST_SEED}")
        return seed

    def _needed(self) -> dict[str, dict[str, Any]]:
        """Parameters of needed methods, checked."""
        found: dict[str, dict[str, Any]] = {}
        for name, params in _mapping(self.needed or {}, "needed").items():
            _mapping(params, f"needed['{name}']")
            if name == self.method:
                raise BenchError(f"needed['{name}']: set parameters of {name} itself beside needed")
            checked = registry.get(name, where="needed").params(self.preset, params, where="needed")
            found[name] = {param: checked[param] for param in params}
        return found

    def _info(self) -> MethodInfo:
        return registry.get(self.method)

    def __sklearn_tags__(self) -> Any:
        """Images have three or four axes; K-means and the like take vectors too."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def __reduce__(self) -> tuple[Any, ...]:
        """Classes are made on demand, so a pickle names the method."""
        return _empty, (self.method,), self.__getstate__()


def estimator(method: str, *, preset: str = "quick", **params: Any) -> MethodEstimator:
    """A method as a scikit-learn estimator, with `fit`, `fit_predict`, `get_params`, `set_params`.

    Args:
        method: A name that `python -m bench list methods` shows, or that of a plug-in which was
            loaded (`bench.run(…, plugins=…)`, `bench.registry.use`).
        preset: "quick", a smaller budget, or "paper", as published: of the method's own
            parameters, and of the methods that it needs first.
        params: Of the method, and of every estimator: `n_clusters`, `random_state`, `task`,
            `device`, `dtype`, `needed` (see `MethodEstimator`).

    Returns:
        One that is not fitted yet.

    Raises:
        BenchError: an unknown method, parameter or preset, with the nearest match; a method that
            makes no clusters of images, or that is given the true labels.
    """
    if not isinstance(method, str):
        raise BenchError(f"method = {method!r} is no name, such as 'kmeans'")
    try:
        info = registry.get(method)
    except Unknown as error:
        raise BenchError(f"{error} (your own: first bench.registry.use(its folder))") from error
    _refuse_unfit(info)
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    cls = _class_of(method)
    known = {**info.params(preset, {}), **_general(info)}
    for name in params:
        if name not in known:
            raise unknown(f"parameter of {method}", name, known)
    own = {name: value for name, value in params.items() if name in _general(info)}
    rest = {name: _plain(value) for name, value in params.items() if name not in own}
    found = info.params(preset, rest)
    info.build(found)
    made: MethodEstimator = cls(**{**found, **own, "preset": preset})
    return made


def _general(info: MethodInfo) -> dict[str, Any]:
    """The parameters that an estimator has beside its method's, and their values."""
    return ({"n_clusters": _CLUSTERS} if _kind(info) == "cluster" else {}) | _OWN


def _kind(info: MethodInfo) -> Kind:
    return next(kind for kind in _KINDS if kind in info.kinds)


def _refuse_unfit(info: MethodInfo) -> None:
    """Raise a BenchError for methods that are no estimators."""
    if info.uses_target_labels:
        raise BenchError(f"method '{info.name}' is given the true labels: it is no clustering")
    if info.artifact or not set(info.kinds) & set(_KINDS):
        raise BenchError(f"method '{info.name}' makes no clusters of images alone: use bench.run")


@cache
def _class_of(method: str) -> type[MethodEstimator]:
    """The estimator's class, whose signature has the method's parameters."""
    info = registry.get(method)
    values = _general(info) | info.params("quick", {})
    keyword = inspect.Parameter.KEYWORD_ONLY
    signature = inspect.Signature(
        [
            inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            *(inspect.Parameter(name, keyword, default=v) for name, v in values.items()),
        ]
    )

    def init(self: MethodEstimator, **given: Any) -> None:
        bound = signature.bind(self, **given)
        bound.apply_defaults()
        for name in values:
            setattr(self, name, bound.arguments[name])

    vars(init)["__signature__"] = signature
    name = f"{info.cls.__name__}Estimator"
    own = {"__init__": init, "method": method, "__module__": __name__}
    return type(name, (MethodEstimator,), {**own, "__doc__": f"{info.summary}\n\n{_DOC}"})


_DOC = inspect.cleandoc(MethodEstimator.__doc__ or "").partition("\n\n")[2]


def _empty(method: str) -> MethodEstimator:
    """For pickles."""
    return _class_of(method)()


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    """The value itself; raises a BenchError where it maps nothing."""
    if not isinstance(value, Mapping):
        raise BenchError(f"{what} = {value!r}: write needed={{method: {{parameter: value}}}}")
    return value


def _plain(value: Any) -> Any:
    """A number of numpy's, as a search over parameters sets it, as Python's own."""
    return value.item() if isinstance(value, np.generic) else value
