"""Whether a claim was reproduced: figures of a submission's records against those of the same runs measured here.

``answers`` decides criterion by criterion, by the equivalence test of ``equivalence``; a yardstick
(``bench.submission.measuring.yardstick``) takes a machine's own changes of speed out of it. Nothing here measures: the
records of both sides are given.
"""
