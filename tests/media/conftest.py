from collections.abc import Iterator

import pytest

from tests.media.servers import Models, Pictures, _running


@pytest.fixture
def pictures() -> Iterator[Pictures]:
    with _running(Pictures()) as server:
        yield server


@pytest.fixture
def models() -> Iterator[Models]:
    with _running(Models()) as server:
        yield server
