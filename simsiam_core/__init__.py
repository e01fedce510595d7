"""SimSiam representation learning: launch, track and inspect runs."""

__version__ = "0.2.0"  # read by the package build, --version and tests
