"""What Windows measures of itself: energy meters, performance counters, adapters, the battery.

``calls`` asks Windows, and nothing else does; the others read the bytes that it answers with.
"""
