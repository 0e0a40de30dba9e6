"""A folder of plug-ins for `--plugins`: blocks made small."""
