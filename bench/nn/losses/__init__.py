"""Losses that several methods share, each with the equation it follows."""
