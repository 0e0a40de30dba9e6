"""The benchmark from Python: runs, results, finished cells, and methods as estimators.

`import bench` has all of it and imports nothing heavy before one of them is used.
"""
