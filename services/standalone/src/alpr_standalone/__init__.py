"""All of it on one machine: alpr up."""
