"""A program that has LoadGen's server scenario measure a scripted system: one query after another, each as long.

Arguments: the folder for LoadGen's logs, queries, rate, bound in ns, percentile, seed, and what a query takes in ns.
"""

PROGRAM = """
import queue, sys, threading, time

import mlperf_loadgen as loadgen

queries, rate, bound_ns, percentile, seed, service_ns = map(float, sys.argv[2:])
settings = loadgen.TestSettings()
settings.scenario, settings.mode = loadgen.TestScenario.Server, loadgen.TestMode.PerformanceOnly
settings.server_target_qps, settings.server_target_latency_ns = rate, int(bound_ns)
settings.server_target_latency_percentile = percentile / 100
settings.min_query_count = settings.max_query_count = int(queries)
settings.min_duration_ms, settings.schedule_rng_seed = 0, int(seed)
issued = queue.SimpleQueue()


def serve():
    done = 0
    while (item := issued.get()) is not None:
        ids, at = item
        done = max(at, done) + int(service_ns)
        while (left := done - time.perf_counter_ns()) > 0:
            time.sleep(max(0, left - 200_000) / 1e9)
        loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(one, 0, 0) for one in ids])


def issue(samples):
    issued.put(([one.id for one in samples], time.perf_counter_ns()))


server = threading.Thread(target=serve)
server.start()
sut = loadgen.ConstructSUT(issue, lambda: None)
library = loadgen.ConstructQSL(4, 4, lambda samples: None, lambda samples: None)
output, log = loadgen.LogOutputSettings(), loadgen.LogSettings()
output.outdir, output.copy_summary_to_stdout = sys.argv[1], False
log.log_output, log.enable_trace = output, True
loadgen.StartTestWithLogSettings(sut, library, settings, log, "audit.config")
issued.put(None)
server.join()
loadgen.DestroyQSL(library)
loadgen.DestroySUT(sut)
"""
