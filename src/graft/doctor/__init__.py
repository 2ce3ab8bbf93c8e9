"""Checks before anything costs: what is wrong with a data set, and what it will take."""

from graft.doctor.diagnose import CHECKS, examine
from graft.doctor.finding import Finding
from graft.doctor.patient import Patient

__all__ = ["CHECKS", "Finding", "Patient", "examine"]
