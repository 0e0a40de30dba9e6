"""Settings of a GPU's work: set for a cell, and this process's own afterwards."""

import torch

from bench.run import deterministic


def settings():
    return [read() for read, _, _ in deterministic._SWITCHES] + [
        getattr(place, name) for place, name, _ in deterministic._VALUES
    ]


def test_a_process_has_its_own_settings_again():
    before = settings()
    with deterministic.meanwhile():
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert not torch.backends.cuda.mem_efficient_sdp_enabled()
        assert not any(getattr(place, name) for place, name, _ in deterministic._VALUES)
    assert settings() == before


def test_after_an_error_too():
    before = settings()
    try:
        with deterministic.meanwhile():
            raise ValueError("a method's")
    except ValueError:
        pass
    assert settings() == before
