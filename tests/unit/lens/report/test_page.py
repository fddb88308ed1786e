"""The report is one file that needs nothing, shows what was measured, and keeps names as text."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.latencies import Server, run
from velocity_local.lens.histogram import Histogram
from velocity_local.lens.quantities import parse
from velocity_local.lens.report import views
from velocity_local.lens.report.naming import Names
from velocity_local.lens.report.page import page
from velocity_local.lens.results import (
    ClientOverhead,
    Energy,
    EnginePoint,
    Environment,
    Metric,
    RunResult,
)

BASE = run(1, n_requests=60)
OTHER = run(2, Server(slowdown=1.5, error_share=0.1), n_requests=60, provider="other")
PAGE = page([BASE, OTHER])
SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)
VOID = frozenset({"meta", "br"})


class Outline(HTMLParser):
    """The tags of a page, and whether each is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def names(self) -> set[str]:
        return {tag for tag, _ in self.tags}


def test_it_needs_nothing_but_itself() -> None:
    outline = Outline(PAGE)
    assert outline.names().isdisjoint({"script", "link", "img", "iframe", "object", "base", "form"})
    attributes = {name for _, given in outline.tags for name in given}
    assert attributes.isdisjoint({"src", "href", "srcset", "action", "style", "onload", "onclick"})
    assert re.search(r"url\(|@import|https?:", PAGE) is None
    policies = [given["content"] for tag, given in outline.tags if "http-equiv" in given]
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ]


def test_every_plot_is_well_formed_and_says_what_it_shows() -> None:
    plots = [ET.fromstring(svg) for svg in SVG.findall(PAGE)]
    assert len(plots) == 10
    for plot in plots:
        assert plot.get("role") == "img"
        assert plot.findtext("title")
        assert len(plot.findtext("desc") or "") > 20


def test_everything_drawn_lies_inside_its_plot() -> None:
    for svg in SVG.findall(PAGE):
        plot = ET.fromstring(svg)
        _, _, width, height = map(float, (plot.get("viewBox") or "").split())
        for mark in plot.iter():
            for name, limit in (("x", width), ("x1", width), ("cx", width), ("y", height)):
                assert 0 <= float(mark.get(name, 0)) <= limit
        for path in plot.iter("path"):
            numbers = [float(number) for number in re.findall(r"[\d.]+", path.get("d") or "")]
            assert all(0 <= number <= width for number in numbers)


def test_tables_tell_their_headings_and_can_be_reached() -> None:
    outline = Outline(PAGE)
    heads = [given for tag, given in outline.tags if tag == "th"]
    assert all(given.get("scope") in {"row", "col"} for given in heads)
    regions = [given for tag, given in outline.tags if given.get("class") == "wide"]
    assert all(given.get("tabindex") == "0" and given.get("aria-label") for given in regions)
    assert ("html", {"lang": "en"}) in outline.tags


def test_it_follows_the_readers_colours() -> None:
    assert "prefers-color-scheme:dark" in PAGE
    assert "color-scheme:light dark" in PAGE


COLOURS = re.compile(r"--(ink|soft|bad|c\d|paper|panel):(#[0-9a-f]{3,6})")


@pytest.mark.parametrize("part", [0, 1], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_the_paper(part: int) -> None:
    """WCAG 2.2: 4.5 to 1 for text (1.4.3), 3 to 1 for what plots are drawn with (1.4.11)."""
    colours = dict(COLOURS.findall(PAGE.split("prefers-color-scheme:dark")[part].split("*{")[0]))
    assert len(colours) == 13
    for name, colour in colours.items():
        if name not in {"paper", "panel"}:
            wanted = 3.0 if name.startswith("c") else 4.5
            assert contrast(colour, colours["panel"]) >= wanted, name
            assert contrast(colour, colours["paper"]) >= wanted, name


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


HOSTILE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=a>',
            "</style><b>",
            "]]>",
            "--><svg>",
            "\x1b[2J\u202e",
        ]
    ),
)


KNOWN = Outline(page([msgspec.structs.replace(BASE, partial_reason="x"), OTHER])).names()


@settings(max_examples=40, deadline=None)
@given(HOSTILE)
def test_names_stay_text_whatever_they_are(name: str) -> None:
    tiny = msgspec.structs.replace(
        BASE,
        records=BASE.records[:4],
        n_requests=4,
        n_errors={},
        **dict.fromkeys(("name", "model", "provider", "scenario", "workload", "series"), name),
        environment=Environment(machine={name: name}),
        labels={name: name},
        void_reason=None,
        partial_reason=name,
    )
    outline = Outline(page([tiny, tiny], title=name))
    assert outline.names() <= KNOWN | {"title"}
    assert all(not key.startswith("on") for _, given in outline.tags for key in given)


def with_facts(**fields: object) -> RunResult:
    return msgspec.structs.replace(BASE, **fields)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"void_reason": "the client was slow"}, "is void: the client was slow"),
        ({"partial_reason": "Ctrl-C"}, "is partial: Ctrl-C"),
        ({"n_errors": {"reset": 3}}, "<td>reset</td><td>3</td>"),
        ({"n_retries": 7}, "<td>asked again</td><td>7</td>"),
        (
            {"energy": Energy(joules=10, uncertainty_joules=1, idle_watts=5, method="RAPL")},
            "10 ± 1",
        ),
        (
            {"client_overhead": ClientOverhead(delay_p50_ms=0.2, delay_p99_ms=1, cpu_share=0.5)},
            "0.2 ms, 50% of a core",
        ),
    ],
)
def test_what_is_to_be_known_of_a_run_is_told(fields: dict[str, object], says: str) -> None:
    assert says in page([with_facts(**fields)])


def test_figures_of_a_void_run_are_left_out() -> None:
    text = page([with_facts(void_reason="busy")])
    assert "ttft_ms:p50" not in text
    assert "<svg" not in text


def test_engine_tests_are_a_table() -> None:
    point = EnginePoint(
        test="decode",
        n_prompt_tokens=0,
        n_output_tokens=64,
        depth_tokens=512,
        batch=1,
        tokens_per_s=(10.0, 12.0, 11.0),
    )
    text = page([with_facts(engine=(point,), records=(), n_requests=0)])
    assert "<td>64</td><td>512</td><td>1</td><td>11</td><td>3</td>" in text


def test_counted_runs_have_curves_and_no_heat_map() -> None:
    histogram = Histogram()
    histogram.add_all([float(value) for value in range(1, 500)])
    counted = with_facts(records=(), n_requests=499, histograms={Metric.E2E_MS: histogram.data()})
    names = Names([counted])
    assert len(list(views.percentile_curves([counted], names, Metric.E2E_MS))) == 1
    assert views.over_time(counted, names, Metric.E2E_MS) is None


def test_a_report_of_nothing_says_so() -> None:
    assert "No runs." in page([])


def test_a_sweep_is_one_line_from_the_smallest_load_to_the_largest() -> None:
    runs = [
        replace_series(run(seed, n_requests=40, concurrency=concurrency))
        for seed, concurrency in enumerate((8, 1, 4))
    ]
    plot = views.throughput_and_latency(runs, Names(runs), parse("ttft_ms:p50"))
    assert plot is not None
    (path,) = ET.fromstring(SVG.findall(plot)[0]).iter("path")
    lefts = [float(x) for x in re.findall(r"[ML]([\d.]+)", path.get("d") or "")]
    assert lefts == sorted(lefts), "more streams of this server make more tokens a second"
    assert len(lefts) == 3
    turned = [msgspec.structs.replace(made, load=runs[1].load) for made in runs]
    assert turned[0].load.concurrency == turned[2].load.concurrency
    again = views.throughput_and_latency(turned, Names(turned), parse("ttft_ms:p50"))
    assert again is not None
    (path,) = ET.fromstring(SVG.findall(again)[0]).iter("path")
    assert [float(x) for x in re.findall(r"[ML]([\d.]+)", path.get("d") or "")] != lefts


def replace_series(made: RunResult) -> RunResult:
    return msgspec.structs.replace(made, series="sweep-1")


def at(load: int, server: str, *, slowdown: float = 1.0) -> RunResult:
    made = run(load, Server(slowdown=slowdown), n_requests=60, concurrency=load)
    return msgspec.structs.replace(made, labels={"server": server})


BOTH = [made for load in (1, 2, 4) for made in (at(load, "ours"), at(load, "theirs", slowdown=1.5))]


def test_runs_are_told_apart_by_what_differs() -> None:
    names = Names(BOTH)
    assert names.sides == ("ours", "theirs")
    assert [names.of(made) for made in BOTH[:3]] == [
        "ours · 1 at once",
        "theirs · 1 at once",
        "ours · 2 at once",
    ]
    assert Names([BASE]).of(BASE) == "velocity-local"
    assert Names(BOTH[::2]).of(BOTH[2]) == "2 at once"


def test_several_loads_of_several_sides_have_a_plot_each() -> None:
    plots = list(views.percentile_curves(BOTH, Names(BOTH), Metric.TTFT_MS))
    assert len(plots) == 3
    assert "2 at once" in plots[1]
    assert re.findall(r"<li><span[^>]*></span>(.*?)</li>", plots[1]) == ["ours", "theirs"]


def test_two_sides_are_held_against_each_other_load_by_load() -> None:
    text = page(BOTH)
    assert "ours against theirs" in text
    assert text.count('<span class="better">better</span>') >= 6
    assert "ours against theirs" not in page([*BOTH, at(1, "a third")])


def test_all_figures_are_there_and_folded_away() -> None:
    assert "<details><summary>All figures</summary>" in PAGE
