"""Runs cells: isolated worker processes, their inputs, and the graph that orders them."""
