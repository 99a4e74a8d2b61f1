"""Versions of data sets: snapshot, restore, push and pull. Starts the `dvc` and `git` executables, imports neither."""
