import pytest

from lambdas.core.cached_value import CachedValue


class Service:
    """A service that counts reads, and fails while ``away``."""

    def __init__(self) -> None:
        self.reads = 0
        self.away = False

    def read(self) -> int:
        if self.away:
            raise ConnectionError("away")
        self.reads += 1
        return self.reads


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cached(service: Service, clock: Clock) -> CachedValue[int]:
    return CachedValue(service.read, seconds=300, refresh_seconds=30, clock=clock)


@pytest.mark.parametrize(("after", "read"), [(0, 1), (299, 1), (300, 2), (10_000, 2)])
def test_a_value_is_read_again_when_too_old(cached: CachedValue[int], clock: Clock, after: float, read: int) -> None:
    cached.get()
    clock.now += after
    assert cached.get() == read


@pytest.mark.parametrize(("after", "read"), [(0, 1), (29, 1), (30, 2)])
def test_refreshes_are_rate_limited(cached: CachedValue[int], clock: Clock, after: float, read: int) -> None:
    cached.get()
    clock.now += after
    assert cached.refreshed() == read
    assert cached.refreshed() == read


def test_the_cached_value_is_served_while_the_service_is_down(
    cached: CachedValue[int], service: Service, clock: Clock
) -> None:
    assert cached.get() == 1
    service.away = True
    clock.now += 1000
    assert cached.get() == 1
    service.away = False
    assert cached.get() == 1, "expected no read on every call while the service is down"
    clock.now += 300
    assert cached.get() == 2


def test_errors_are_raised_until_a_first_value_is_cached(cached: CachedValue[int], service: Service) -> None:
    service.away = True
    with pytest.raises(ConnectionError):
        cached.get()
    service.away = False
    assert cached.get() == 1
