"""How many processor cores this process may use, and which GPUs."""

from __future__ import annotations

import os
from pathlib import Path


def usable(control: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Cores by affinity, and no more than a control group's quota of time pays for; at least 1.

    Args:
        control: Where control groups are mounted.
        own: The file that names those of this process.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        cores = os.cpu_count() or 1
    return max(1, int(min([cores, *_quotas(control, own)])))


def gpus() -> tuple[str, ...]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return tuple(one.strip() for one in named.split(",") if one.strip())
    import torch  # takes seconds; it asks the driver, and leaves the GPUs alone

    return tuple(map(str, range(torch.cuda.device_count())))


def _quotas(control: Path, own: Path) -> list[float]:
    """Cores' worth of time that each control group of this process has, where it is limited."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, names, path = line.split(":", 2)
        if names and "cpu" not in names.split(","):
            continue
        base = control / "cpu" if names else control
        folder = base / path.strip("/")
        # A container may see its own group as the root of all, under the name that it has outside.
        for group in (folder, *folder.parents):
            if group.is_relative_to(base):
                found.append(_quota(group))
    return [quota for quota in found if quota > 0]


def _quota(group: Path) -> float:
    """Cores' worth of time of one group, by either version's files; 0.0: no limit."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text()
            period = (group / "cpu.cfs_period_us").read_text()
        return int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max" is no number
        return 0.0
