"""The fingerprint of code: which networks count, and that one more leaves results as they are."""

import json
import sys

import pytest

from bench import module_text
from bench.nn import networks
from bench.nn.networks import base as network
from bench.nn.networks.convnet import ConvNet
from bench.store import code


@pytest.fixture
def fingerprint(tmp_path, monkeypatch):
    """A function from a module's text to its fingerprint."""
    monkeypatch.syspath_prepend(tmp_path)

    def of(text, used=()):
        (tmp_path / "some_method.py").write_text(text)
        monkeypatch.delitem(sys.modules, "some_method", raising=False)
        code.fingerprint.cache_clear()
        return code.fingerprint("some_method", used)

    yield of
    code.fingerprint.cache_clear()


@pytest.fixture
def another(monkeypatch):
    """A network more, for the test alone."""
    monkeypatch.setattr(network, "KNOWN", dict(networks.known()))
    monkeypatch.setattr(networks, "KNOWN", network.KNOWN)

    class Another(ConvNet, name="another"):
        pass

    return Another


def test_a_new_network_leaves_fingerprints_as_they_are(fingerprint, request):
    text = "from bench.nn import networks\nname = 'convnet'\n"
    before = fingerprint(text)
    request.getfixturevalue("another")
    assert "another" in networks.known()
    assert fingerprint(text) == before


@pytest.mark.parametrize("name", ["vggs", json.dumps({"name": "vggs", "widths": [8]})])
def test_a_network_counts_where_its_name_stands(fingerprint, monkeypatch, name):
    text = f"network = {name!r}\n"
    before, without = fingerprint(text), fingerprint("network = 'convnet'\n")
    real = module_text._source
    changed = {"bench.nn.networks.vggs": "changed = 1\n"}
    monkeypatch.setattr(module_text, "_source", lambda module: changed.get(module) or real(module))
    assert fingerprint(text) != before
    assert fingerprint("network = 'convnet'\n") == without


def test_a_network_counts_that_a_parameter_names(fingerprint):
    text = "network = 'convnet'\n"
    assert fingerprint(text, ("lenet",)) != fingerprint(text)
    assert fingerprint(text, ("convnet",)) == fingerprint(text)


def test_a_network_name_is_given_once(another):
    with pytest.raises(ValueError, match="network 'another' is already"):

        class Impostor(ConvNet, name="another"):
            pass


@pytest.mark.parametrize("text", ["", "nonsense", "{", "{}", '{"name": 3}', "[1]"])
def test_other_text_names_no_network(text):
    assert code.named(text) == ""
