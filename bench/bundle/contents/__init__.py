"""The files of a bundle that follow from the others: written by ``odb pack``, written again and compared by ``odb
verify``."""
