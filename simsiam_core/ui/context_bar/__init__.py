"""The bar above every page that looks inside a network: which network, on which images."""
