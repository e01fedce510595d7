"""Adds `assets/` to the package, as a folder of simsiam_core; all else stands in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["simsiam_core*"]), "simsiam_core._assets"],
    package_dir={"simsiam_core._assets": "assets"},
    package_data={"simsiam_core": ["py.typed"], "simsiam_core._assets": ["**/*"]},
)
