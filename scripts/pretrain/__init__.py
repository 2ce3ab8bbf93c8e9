"""Pretraining of the bundled backbone on pictures that this package draws itself."""
