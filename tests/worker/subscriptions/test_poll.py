import asyncio

import pytest

from worker.heartbeat import Heartbeat
from worker.subscriptions.poll import LONGEST_WAIT_SECONDS, PollSubscription


@pytest.mark.parametrize(("heartbeat_seconds", "wait_seconds"), [(5, 5), (600, LONGEST_WAIT_SECONDS)])
def test_it_waits_as_long_as_a_heartbeat_may_take_but_never_long(heartbeat_seconds: float, wait_seconds: float) -> None:
    waits: list[float] = []

    async def beat(seconds: float) -> bool:
        waits.append(seconds)
        return False

    async def main() -> None:
        subscription = PollSubscription(heartbeat_seconds)
        subscription.offered(["job"])
        listening = asyncio.ensure_future(subscription.listen(Heartbeat(beat)))
        await asyncio.sleep(0.05)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(main())
    assert waits == [wait_seconds]
