"""How often the processor was slowed down because of heat, where the system counts it.

Linux on Intel counts in ``sys/devices/system/cpu/cpu*/thermal_throttle`` (Documentation/ABI/testing/
sysfs-devices-system-cpu): for each core, and for its package, which every core of the package repeats.
"""

from pathlib import Path

from bench.machine.files import number_of


def throttle_count(root: Path) -> int | None:
    """Events since the machine started; ``None`` where it does not count them."""
    cores: list[int] = []
    packages: dict[float | None, int] = {}
    for folder in (root / "sys/devices/system/cpu").glob("cpu*/thermal_throttle"):
        own, shared = (number_of(folder / f"{part}_throttle_count") for part in ("core", "package"))
        package = number_of(folder.parent / "topology/physical_package_id")
        if own is not None:
            cores.append(int(own))
        if shared is not None:
            packages[package] = max(packages.get(package, 0), int(shared))
    return sum(cores) + sum(packages.values()) if cores or packages else None


def throttled_since(before: int | None, root: Path) -> int | None:
    """Events since ``before`` was counted; ``None`` where either count is missing or the counter began again."""
    now = throttle_count(root)
    return now - before if before is not None and now is not None and now >= before else None
