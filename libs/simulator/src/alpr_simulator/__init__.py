"""Drive-by clips with ground truth."""
