"""What pages poll: the runs folder as it is now, curves, and what to tell."""
