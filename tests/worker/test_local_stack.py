"""The two processes of ``deskrun up`` end by themselves when they are asked to; killing is for those that do not."""

import asyncio
from pathlib import Path

from worker.local_stack import LocalStack
from worker.settings import Settings


def test_both_processes_end_in_good_order_when_asked(tmp_path: Path) -> None:
    """The desk waits at the control plane in a long poll, which must hold up neither."""

    async def main() -> list[int | None]:
        async with LocalStack(Settings(data_dir=tmp_path, drain_seconds=0)) as stack:
            children = [await stack.start_control_plane(0), await stack.start_worker()]
        return [child.process.returncode for child in children]

    assert asyncio.run(main()) == [0, 0]
