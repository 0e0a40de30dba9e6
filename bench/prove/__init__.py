"""Evidence that code gives the results that it gave: replays of tiny cells, compared by digest."""
