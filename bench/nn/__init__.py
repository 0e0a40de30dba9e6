"""Parts that several methods share: networks, images, losses, clustering, probes, training.

Imports no more of the harness than its errors, its types and the list of networks that come with
it, so each part can be read, tested and used by itself.
"""
