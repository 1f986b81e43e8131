"""What runs on a device of a fleet: an agent that holds the device, and carries out one order at a time.

The agent holds the lease and the spool, and at most one child that measures. Dask's worker lives inside it and may come
and go: a run goes on when the scheduler, the network or the client is lost, and its result waits until it is fetched.
"""
