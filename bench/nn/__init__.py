"""Parts that several methods share: networks, images, losses, clustering, probes, training.

Imports nothing of the harness, so each part can be read, tested and used by itself.
"""
