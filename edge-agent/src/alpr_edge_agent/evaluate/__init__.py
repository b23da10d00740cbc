"""Accuracy on labelled photos: labels, scores, two runs compared, and a report to look at."""
