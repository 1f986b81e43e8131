"""How often the processor was slowed down because of heat, where the system counts it.

Linux on Intel counts in ``sys/devices/system/cpu/cpu*/thermal_throttle`` (Documentation/ABI/testing/
sysfs-devices-system-cpu): for each core, and for its package, which every core of the package repeats.
"""

from pathlib import Path

from bench.machine.files import number_of


def throttle_count(root: Path) -> int | None:
    """Events since the machine started; ``None`` where it does not count them."""
    folders = [*(root / "sys/devices/system/cpu").glob("cpu*/thermal_throttle")]
    cores = [number_of(folder / "core_throttle_count") for folder in folders]
    packages = [number_of(folder / "package_throttle_count") for folder in folders]
    known = [int(count) for count in cores if count is not None]
    shared = [int(count) for count in packages if count is not None]
    return sum(known) + max(shared, default=0) if known or shared else None


def throttled_since(before: int | None, root: Path) -> int | None:
    """Events since ``before`` was counted; ``None`` where either count is missing or the counter began again."""
    now = throttle_count(root)
    return now - before if before is not None and now is not None and now >= before else None
