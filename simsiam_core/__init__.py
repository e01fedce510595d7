"""SimSiam representation learning that can be watched: launch, track and look inside."""

__version__ = "0.2.0"  # read from here by the package's build, --version and tests
