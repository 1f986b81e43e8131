"""Times a model's queries for a while: `python timed_queries.py MODEL SECONDS OUT.npy`.

Writes of each query when it began, by the system's monotonic clock, and how long it took: int64 [queries, 2] in
nanoseconds. Says ``begun`` at the first.
"""

import sys
from time import perf_counter_ns

import numpy as np
import onnxruntime as ort

WARM_UP_QUERIES = 200


def main(model: str, seconds: float, out: str) -> None:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    one = session.get_inputs()[0]
    feeds = {one.name: np.random.default_rng(0).random(one.shape, np.float32)}
    for _ in range(WARM_UP_QUERIES):
        session.run(None, feeds)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    found, end_ns = [], perf_counter_ns() + int(seconds * 1e9)
    while (began_ns := perf_counter_ns()) < end_ns:
        session.run(None, feeds)
        found.append((began_ns, perf_counter_ns() - began_ns))
    np.save(out, np.array(found, np.int64))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
