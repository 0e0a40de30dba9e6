"""Results on disk, and what state they are in."""
