"""What several machines share, each started by the tests themselves, on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import served


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The SQLAlchemy URL of an empty Postgres."""
    script = Path(__file__).parents[1] / "deploy" / "postgres.sh"
    with served(script, tmp_path_factory.mktemp("postgres") / "log") as url:
        yield url


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty Redis, as Celery takes it."""
    script = Path(__file__).with_name("redis.sh")
    with served(script, tmp_path_factory.mktemp("redis") / "log") as url:
        yield url


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of an S3 on loopback with the bucket `agency`; the environment has its keys."""
    boto3 = pytest.importorskip("boto3", reason="needs tests/scale/requirements.lock")
    moto = pytest.importorskip("moto.server", reason="needs tests/scale/requirements.lock")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing-secret")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        boto3.client("s3").create_bucket(
            Bucket="agency", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        yield f"http://{host}:{port}"
    server.stop()
