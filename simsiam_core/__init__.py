"""SimSiam representation learning that can be watched: launch, track and look inside."""
