"""Engine time and memory of Intel's GPUs, on descriptors laid out as the kernel shows them."""

import sys
from pathlib import Path

import pytest
from machine_trees import lay, recorded

from bench.contracts import Channel
from bench.machine.sensors.drm_gpu import CALIBRATION_SECONDS, DrmGpu

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sysfs names hold colons, which Windows files cannot")

XE = """pos:\t0
flags:\t02100002
drm-driver:\txe
drm-pdev:\t{pdev}
drm-client-id:\t{client}
drm-cycles-rcs:\t0
drm-total-cycles-rcs:\t{total}
drm-cycles-ccs:\t{cycles}
drm-total-cycles-ccs:\t{total}
drm-cycles-bcs:\t999999999
drm-total-cycles-bcs:\t{total}
drm-engine-capacity-ccs:\t1
drm-resident-system:\t524288
drm-resident-gtt:\t2 MiB
drm-resident-vram0:\t1024 KiB
drm-active-gtt:\t1 MiB
"""
"""drivers/gpu/drm/xe/xe_drm_client.c."""

I915 = """drm-driver:\ti915
drm-pdev:\t0000:00:02.0
drm-client-id:\t7
drm-engine-render:\t{render} ns
drm-engine-copy:\t2035071108 ns
drm-engine-video:\t52567609040 ns
drm-engine-compute:\t{compute} ns
drm-resident-system0:\t81920 KiB
"""
"""Documentation/gpu/i915.rst."""


def show(root: Path, descriptor: int, text: str) -> None:
    lay(root, {f"proc/self/fdinfo/{descriptor}": text})


def xe(cycles: int, total: int = 7_655_183_225, client: int = 42, pdev: str = "0000:00:02.0") -> str:
    return XE.format(cycles=cycles, total=total, client=client, pdev=pdev)


def of(kind: str, channels: tuple[Channel, ...]) -> Channel:
    (found,) = [c for c in channels if c.kind == kind]
    return found


def i915_laptop(root: Path) -> Path:
    return lay(root, {"sys/class/drm/card0/device/uevent": "DRIVER=i915\nPCI_SLOT_NAME=0000:00:02.0\n"})


def xe_gpu(root: Path, mhz: float = 19.2) -> DrmGpu:
    """A GPU whose clock advances while the sensor sleeps."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        show(root, 9, xe(0, total=7_655_183_225 + round(seconds * mhz * 1e6)))

    return DrmGpu(lambda: now[0], sleep)


def test_cards_of_intel_drivers_have_two_channels(tmp_path: Path) -> None:
    """A connector is no card, another driver's card is not counted here."""
    root = recorded(tmp_path, "xe_laptop")
    lay(root, {"sys/class/drm/card2/device/uevent": "DRIVER=nouveau\n"})
    assert [("card1", "busy", "gpu"), ("card1 memory", "memory", "gpu")] == [
        (c.name, c.kind, c.domain) for c in DrmGpu().channels(root)
    ]


def test_i915_gives_nanoseconds(tmp_path: Path) -> None:
    """Of the engines that run models, and not of those that copy or decode."""
    root = i915_laptop(tmp_path)
    channels = tuple(DrmGpu().channels(root))
    show(root, 5, I915.format(render=9_288_864_723, compute=500_000_000))
    assert 9.788864723 == pytest.approx(DrmGpu().read(root, of("busy", channels)))
    assert 81920 * 1024 == DrmGpu().read(root, of("memory", channels))


def test_xe_gives_cycles_of_a_clock_that_is_measured(tmp_path: Path) -> None:
    """19.2 million cycles at 19.2 MHz are a second."""
    root = recorded(tmp_path, "xe_laptop")
    gpu = xe_gpu(root)
    channel = of("busy", tuple(gpu.channels(root)))
    show(root, 9, xe(0))
    assert 0.0 == gpu.read(root, channel)
    show(root, 9, xe(19_200_000, total=8_000_000_000))
    assert 1.0 == pytest.approx(gpu.read(root, channel))
    assert CALIBRATION_SECONDS < 0.1


def test_a_clock_that_stands_is_no_reading(tmp_path: Path) -> None:
    root = recorded(tmp_path, "xe_laptop")
    gpu = DrmGpu(lambda: 0.0, lambda seconds: None)
    show(root, 9, xe(5))
    with pytest.raises(OSError, match="the clock of card1 does not advance"):
        gpu.read(root, of("busy", tuple(gpu.channels(root))))


def test_descriptors_of_one_client_count_once(tmp_path: Path) -> None:
    """Duplicated descriptors are one client; another client is added, another device is not."""
    root = i915_laptop(tmp_path)
    gpu = DrmGpu()
    show(root, 5, I915.format(render=1_000_000_000, compute=0))
    show(root, 6, I915.format(render=1_000_000_000, compute=0))
    show(root, 7, I915.format(render=500_000_000, compute=0).replace("client-id:\t7", "client-id:\t8"))
    show(root, 8, I915.format(render=9_000_000_000, compute=0).replace("00:02.0", "03:00.0"))
    show(root, 9, "pos:\t0\nflags:\t02\n")
    assert 1.5 == gpu.read(root, of("busy", tuple(gpu.channels(root))))


def test_what_a_closed_client_did_is_kept(tmp_path: Path) -> None:
    """The kernel also may show less for a moment."""
    root = i915_laptop(tmp_path)
    gpu = DrmGpu()
    channel = of("busy", tuple(gpu.channels(root)))
    show(root, 5, I915.format(render=1_000_000_000, compute=0))
    assert 1.0 == gpu.read(root, channel)
    show(root, 5, I915.format(render=900_000_000, compute=0))
    assert 1.0 == gpu.read(root, channel)
    (root / "proc/self/fdinfo/5").unlink()
    show(root, 6, I915.format(render=250_000_000, compute=0).replace("client-id:\t7", "client-id:\t9"))
    assert 1.25 == gpu.read(root, channel)


def test_before_the_device_is_opened_nothing_was_done(tmp_path: Path) -> None:
    root = recorded(tmp_path, "xe_laptop")
    assert [0.0, 0.0] == [DrmGpu().read(root, c) for c in DrmGpu().channels(root)]


def test_a_kernel_that_counts_nothing_is_no_reading_of_zero(tmp_path: Path) -> None:
    """The device is open, and its descriptor has no line of the driver's."""
    root = i915_laptop(tmp_path)
    show(root, 5, "pos:\t0\nflags:\t02100002\n")
    (root / "proc/self/fd").mkdir()
    (root / "proc/self/fd/5").symlink_to("/dev/dri/renderD128")
    with pytest.raises(OSError, match="the kernel counts no engine time for card0"):
        DrmGpu().read(root, of("busy", tuple(DrmGpu().channels(root))))
