"""Networks trained elsewhere: reading their files, recognising them, and installing them as read-only runs.

Nothing in a file is executed. A file is read (`reading`), its tensors are matched with a network's
(`matching`), whose name is found from names and shapes (`identification`), and the result is written as a run
(`installing`).
"""
