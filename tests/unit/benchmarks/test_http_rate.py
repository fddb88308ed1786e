"""What wrk prints is read, and a run with failed requests is no measurement."""

import pytest

from benchmarks.http_rate import read_wrk

PRINTED = """Running 5s test @ http://127.0.0.1:1/v1/models
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.57ms  560.80us  14.44ms   93.72%
    Req/Sec    12.51k     1.05k   14.06k    78.00%
  Latency Distribution
     50%    2.43ms
     75%    2.62ms
     90%    2.90ms
     99%    {p99}
  62337 requests in 5.01s, 20.27MB read
{faults}Requests/sec:  12437.53
Transfer/sec:      4.04MB
"""


@pytest.mark.parametrize(("p99", "p99_ms"), [("4.91ms", 4.91), ("910.00us", 0.91), ("1.20s", 1200)])
def test_rate_and_p99_are_read_in_any_unit(p99: str, p99_ms: float) -> None:
    rate = read_wrk(PRINTED.format(p99=p99, faults=""))

    assert rate.requests_per_s == 12437.53
    assert rate.p99_ms == pytest.approx(p99_ms)


@pytest.mark.parametrize(
    "fault", ["  Non-2xx or 3xx responses: 17", "  Socket errors: connect 0, read 5, write 0"]
)
def test_failed_requests_are_an_error(fault: str) -> None:
    with pytest.raises(ValueError, match=fault.strip()):
        read_wrk(PRINTED.format(p99="4.91ms", faults=fault + "\n"))


def test_output_without_figures_is_an_error() -> None:
    with pytest.raises(ValueError, match="no figures"):
        read_wrk("unable to connect")
