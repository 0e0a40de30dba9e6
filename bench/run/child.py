"""The main module of a method's own processes: with it they know the modules of plug-in folders.

`multiprocessing` imports the main module of a worker in each process that the worker spawns, before
it looks for the function to run there.
"""

from bench import registry

registry.use(registry.plugins_of_environment())
