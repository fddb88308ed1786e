"""The report's style: system fonts, light and dark by the reader's own setting, and for print."""

STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#fff;--panel:#f6f8fa;
--line:#d0d7de;--bad:#b3261e;--good:#1a6b34;--c0:#0072b2;--c1:#b85000;--c2:#00785a;--c3:#a8447f;
--c4:#8a6a00;--c5:#2f7fb5;--c6:#5f5fb0;--c7:#444}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b1;--paper:#0d1117;
--panel:#161b22;--line:#30363d;--bad:#ff8a80;--good:#6fdd8b;--c0:#56b4e9;--c1:#ff9e4a;--c2:#3ddbb0;
--c3:#ec9bd0;--c4:#f0e442;--c5:#9ecbff;--c6:#b8b8ff;--c7:#ccc}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1.5rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{margin:0 0 .25rem;font-size:1.6rem}h2{margin:2.5rem 0 .5rem;font-size:1.2rem}
.soft,.summary,figcaption+p{color:var(--soft)}
.warning{border-left:4px solid var(--bad);padding:.5rem .75rem;background:var(--panel)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:.25rem 0}
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th[scope=row],th[scope=col]:first-child{text-align:left}
th[scope=row]{position:sticky;left:0;background:var(--paper);font-weight:500}
tbody tr:hover>*{background:var(--panel)}
.better{color:var(--good);font-weight:600}.worse{color:var(--bad);font-weight:600}
details{margin:1rem 0}summary{cursor:pointer;color:var(--soft)}
thead th{border-bottom:2px solid var(--line)}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.5rem}
figure{margin:0;padding:1rem;background:var(--panel);border-radius:.5rem;break-inside:avoid}
figcaption{font-weight:600;margin-bottom:.5rem}
svg{width:100%;height:auto;display:block}
svg text{fill:var(--soft);font-size:12px;font-family:system-ui,sans-serif}
svg .axis{fill:var(--ink)}.grid{stroke:var(--line)}
.curve{fill:none;stroke:var(--c);stroke-width:2}.dot{fill:var(--c)}
.whisker{stroke:var(--c);stroke-width:4;stroke-linecap:round;opacity:.55}.heat{fill:var(--c)}
svg .name{fill:var(--ink)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:.5rem 0;padding:0;
font-size:.85rem}
.key{display:inline-block;width:1.6em;margin-right:.5em;vertical-align:middle;
border-top:3px solid var(--c)}.key.d1{border-top-style:dashed}.key.d2{border-top-style:dotted}
.summary{font-size:.85rem;margin:.25rem 0 0}
.c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}
.c5{--c:var(--c5)}.c6{--c:var(--c6)}.c7{--c:var(--c7)}
:focus-visible{outline:2px solid var(--c0)}
@media print{body{max-width:none}figure{background:none;border:1px solid var(--line)}}
"""
