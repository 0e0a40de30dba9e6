"""From experiment files to a graph of cells."""
