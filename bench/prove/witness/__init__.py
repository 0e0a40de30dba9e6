"""A folder of plug-ins for `--plugins`: small tasks, and methods that bear witness."""
