"""Measurements, each against its baseline in the same run. ``python -m bench.store`` and the like."""
