"""Clusters without a network: K-means, balanced assignment, neighbours, linear heads."""
