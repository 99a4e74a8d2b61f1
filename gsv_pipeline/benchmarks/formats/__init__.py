"""Readers of the forms in which benchmarks lie on disks: one file per form, `recognise` tries them in turn."""
