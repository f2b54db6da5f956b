"""Live figures of a run in Prometheus' text format, over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Self

from fastphx.errors import FastphxError
from fastphx.foreign_text import label_text
from fastphx.load.plan.figures import SERVER_QUANTILES
from fastphx.load.result.abstract_histogram import AbstractHistogram
from fastphx.load.result.result import Result
from fastphx.load.server.figures import ServerFigures
from fastphx.operating_system.sockets import check_listening

QUANTILES = (0.5, 0.9, 0.99, 0.999)
REQUEST_TIMEOUT_S = 5.0
MAX_REQUEST_BYTES = 8192


def exposition(result: Result) -> str:
    """The counters and latencies of a run up to now."""
    lines = []
    for name, value in sorted(result.counts.items()):
        lines += [f"# TYPE fastphx_{name}_total counter", f"fastphx_{name}_total {value}"]
    for name, value in result.gauges.items():
        lines += [f"# TYPE fastphx_{name} gauge", f"fastphx_{name} {value}"]
    for name, histogram in result.latencies.items():
        metric = f"fastphx_{name}_seconds"
        lines += [f"# TYPE {metric} summary", *_summary(metric, histogram)]
    lines += _server(result.server)
    if result.is_journey:
        lines += _steps(result) + _checks(result)
    return "\n".join(lines) + "\n"


def _server(server: ServerFigures) -> list[str]:
    """The server's last second; a metric of its page is a label."""
    row: dict[str, Any] = server.series[-1] if server.series else {}
    lines = []
    for name in ("cores_used", "rss_bytes", "threads", "open_files", "age_s"):
        if row.get(name) is not None:
            lines += [f"# TYPE fastphx_server_{name} gauge", f"fastphx_server_{name} {row[name]}"]
    values = row.get("metrics", {})
    if values:
        lines.append("# TYPE fastphx_server_metric gauge")
    for name, value in values.items():
        # Of a histogram its quantiles, which are figures of one second each.
        quantiles = (
            {f',figure="{each}"': value.get(each) for each in SERVER_QUANTILES}
            if isinstance(value, Mapping)
            else {"": value}
        )
        lines += [
            f'fastphx_server_metric{{name="{label_text(name)}"{label}}} {each}'
            for label, each in quantiles.items()
            if each is not None
        ]
    return lines


def _summary(metric: str, histogram: AbstractHistogram, label: str = "") -> list[str]:
    """A summary's samples, with a label like ``step="join room"``."""
    both, alone = (f",{label}", f"{{{label}}}") if label else ("", "")
    lines = []
    for quantile in QUANTILES if histogram.count else ():
        value_s = histogram.percentile_ns(100 * quantile) / 1e9
        lines.append(f'{metric}{{quantile="{quantile}"{both}}} {value_s:.9f}')
    return [
        *lines,
        f"{metric}_sum{alone} {histogram.sum_ns / 1e9:.9f}",
        f"{metric}_count{alone} {histogram.count}",
    ]


def _steps(result: Result) -> list[str]:
    labels = {name: f'step="{label_text(name)}"' for name in result.steps}
    lines = []
    for figure in ("attempts", "ok", "errors", "cut", "bytes"):
        metric = f"fastphx_step_{figure}_total"
        lines.append(f"# TYPE {metric} counter")
        lines += [
            f"{metric}{{{labels[name]}}} {getattr(step, figure)}" for name, step in result.steps.items()
        ]
    metric = "fastphx_step_seconds"
    lines.append(f"# TYPE {metric} summary")
    for name, step in result.steps.items():
        lines += _summary(metric, step.latency, labels[name])
    return lines


def _checks(result: Result) -> list[str]:
    lines = []
    for figure in ("passed", "failed"):
        metric = f"fastphx_check_{figure}_total"
        lines.append(f"# TYPE {metric} counter")
        lines += [
            f'{metric}{{check="{label_text(name)}"}} {getattr(check, figure)}'
            for name, check in result.checks.items()
        ]
    return lines


class Exporter:
    """Answers every request on a port of the loopback address with the run's figures."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._result: Result | None = None

    @classmethod
    async def listen(cls, port: int) -> Self:
        """Take the port (0: a free one). Raises FastphxError if that cannot be."""
        exporter = cls()
        try:
            exporter._server = await asyncio.start_server(
                exporter._answer, "127.0.0.1", port, limit=MAX_REQUEST_BYTES
            )
            check_listening(exporter._server)
        except OSError as error:
            raise FastphxError(
                f"--prometheus: port {port} cannot be listened on ({error.strerror}): give another one"
            ) from None
        return exporter

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def show(self, result: Result) -> None:
        """Answer with the figures of *result* from now on; until then the page is empty."""
        self._result = result

    def close(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_TIMEOUT_S)
            body = b"" if self._result is None else exposition(self._result).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body
            )
            await asyncio.wait_for(writer.drain(), REQUEST_TIMEOUT_S)
        writer.close()
