"""A submission: what an applicant claims, on which records it rests, and whether they decide it.

The folder holds ``submission.toml`` (``form``), made from a track (``track``), and ``records/``. ``assessment`` decides
each criterion by the records' figures; everything that checks, packs, verifies or shows a submission starts from it.
"""
