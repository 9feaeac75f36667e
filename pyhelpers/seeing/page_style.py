"""How a report looks: light or dark as the reader's machine is, on a wall, a phone and on paper.

Text has a contrast of 4.5 or more with what is behind it, a mark one of 3 (WCAG 2.2, 1.4.3 and 1.4.11); and no mark
differs from another by its colour alone: bad days are taller, time that no one watched is hatched.
"""

from __future__ import annotations

LIGHT = {
    "back": "#fdfdfc",
    "text": "#1c2126",
    "soft": "#59626c",
    "line": "#dfe2e5",
    "band": "#f3f4f4",
    "blue": "#2557c7",
    "good": "#3f9a66",
    "warn": "#b97a0a",
    "bad": "#c5342b",
    "off": "#868e97",
    "hatch": "#7f8892",
}
DARK = {
    "back": "#13161a",
    "text": "#e4e7ea",
    "soft": "#9da6b0",
    "line": "#2b3138",
    "band": "#1b1f24",
    "blue": "#84abff",
    "good": "#3d9163",
    "warn": "#dba23a",
    "bad": "#f0675c",
    "off": "#757e88",
    "hatch": "#6f7984",
}


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


_SHEET = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;max-width:76rem;padding:2rem 1.5rem 3rem;background:var(--back);color:var(--text);
font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",sans-serif;
font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
h1{font-size:1.75rem;font-weight:600;line-height:1.2;letter-spacing:-.015em;margin:.2rem 0 1.25rem;
display:flex;gap:.6rem;align-items:center}
h2{font-size:1rem;font-weight:600;margin:2.75rem 0 .25rem;display:flex;gap:.75rem;align-items:baseline;flex-wrap:wrap}
h2 small,.soft,footer,dt,th,.axis,.key,.i .p,time{color:var(--soft);font-weight:400}
h2 small{font-size:.8125rem}
h3{font-size:.8125rem;font-weight:600;margin:1.25rem 0 .35rem}
p{margin:.35rem 0;max-width:48rem}
ul{list-style:none;margin:0;padding:0}
svg{display:block}
.defs{position:absolute}
.top{color:var(--soft);margin:0}
.sign{flex:none;width:1.1rem;height:1.1rem}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem 1.5rem;margin:0;
padding:.9rem 0;border-top:1px solid var(--line);border-bottom:1px solid var(--line)}
dt{font-size:.8125rem}
dd{margin:0;font-size:1.25rem;font-weight:600;line-height:1.3}
dd small{display:block;font-size:.8125rem;font-weight:400;color:var(--soft)}
.now li{display:grid;align-items:baseline;grid-template-columns:12rem 7rem 4.5rem 1fr;gap:0 1rem;padding:.3rem 0;
border-bottom:1px solid var(--line)}
.now b,.rows b,.i b{font-weight:600}
.st{font-size:.75rem;font-weight:600;letter-spacing:.02em;color:var(--soft)}
.st.bad{color:var(--bad)}
.num{text-align:right}.names{display:block;font-size:.8125rem}
.rows li{display:grid;grid-template-columns:12rem minmax(0,1fr) 4.75rem;gap:0 1rem;align-items:center;padding:.17rem 0}
.rows li:hover{background:var(--band)}
.rows svg{width:100%;height:20px}
.rows .axis{font-size:.75rem;padding-bottom:0}
.rows .axis svg{height:16px;overflow:visible}
.rows b{font-weight:500}
.lanes svg{height:16px}
text{fill:var(--soft);font-size:.75rem}
.u{stroke:var(--good)}.o{stroke:var(--off)}
.days .u,.days .o{stroke-width:13}
.days .u,.days .o{stroke-dasharray:3 1}.key.days .u,.key.days .o{stroke-width:13}
.many .u,.many .o{stroke-dasharray:none}
.lanes .u,.lanes .o{stroke-width:4}
.w{fill:var(--warn)}.d{fill:var(--bad)}.n{fill:url(#day)}.lanes .n{fill:url(#lane)}.v{fill:var(--blue)}
.lanes .w,.lanes .d,.lanes .x{vector-effect:non-scaling-stroke;stroke-width:1.5}
.lanes .w{stroke:var(--warn)}.lanes .d{stroke:var(--bad)}
.x{fill:var(--back);stroke:var(--bad)}
.pa{fill:var(--blue)}
.hl{stroke:var(--hatch);stroke-width:1.2;fill:none}.hb{fill:var(--band)}
.key{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;font-size:.8125rem;margin:.5rem 0 0;max-width:none}
.key span{display:inline-flex;gap:.4rem;align-items:center}
.key svg{width:15px;height:14px;flex:none}
.rows .sums{padding-top:.6rem;align-items:end}
.rows .sums svg{height:40px}
.sums small{display:block;font-size:.75rem;font-weight:400;line-height:1.2;color:var(--soft)}
.base{stroke:var(--line);vector-effect:non-scaling-stroke}
details summary{cursor:pointer}
summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--blue);outline-offset:2px}
.day{border-bottom:1px solid var(--line)}
.day>summary{padding:.35rem 0;display:grid;grid-template-columns:.5rem 9.5rem 8rem 7rem minmax(0,1fr);gap:0 .75rem;
align-items:baseline;list-style:none}
.day>summary::-webkit-details-marker,.i summary::-webkit-details-marker{display:none}
.day>summary::before,summary.i::before{content:"";flex:none;width:.4rem;height:.4rem;
border:solid var(--soft);border-width:0 1.5px 1.5px 0;transform:rotate(-45deg);align-self:center}
.day[open]>summary::before,[open]>summary.i::before{transform:rotate(45deg)}
.day i{font-style:normal}
.day>ul,.day>p{margin:0 0 .75rem}
.i{display:grid;grid-template-columns:.9rem 4.5rem 11rem minmax(0,1fr) 4.5rem 9rem;gap:0 .9rem;padding:.2rem 0;
align-items:baseline}
summary.i{list-style:none}
summary.i::before{margin:0;grid-column:1}
div.i::before{content:""}
.more{margin:.2rem 0 .6rem 1.8rem;border-left:2px solid var(--line);padding-left:.9rem}
pre{margin:.3rem 0;white-space:pre-wrap;font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",
monospace;max-height:24rem;overflow:auto}
.scroll{overflow-x:auto;margin-top:.5rem}
table{border-collapse:collapse;width:100%;font-size:.875rem}
th{font-size:.8125rem;text-align:right;vertical-align:bottom;padding:.35rem 0 .35rem 1.25rem;white-space:nowrap;
border-bottom:1px solid var(--line)}
td{text-align:right;padding:.22rem 0 .22rem 1.25rem;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0;white-space:normal;min-width:8rem}
tbody th{color:var(--text);font-size:inherit;font-weight:500}
tbody tr:hover{background:var(--band)}
footer{margin-top:3rem;font-size:.8125rem}
@media screen and (max-width:48rem){
body{padding:1.25rem 1rem 2rem}
h1{font-size:1.4rem}
.now li{grid-template-columns:minmax(0,1fr) auto auto;padding:.45rem 0}
.now .why{grid-column:1/-1}.now .num:empty{display:none}
.day>summary{grid-template-columns:.5rem minmax(0,1fr) 6.5rem 6rem}.day>summary .srv,.day>summary i{display:none}
.rows li{grid-template-columns:minmax(0,1fr) auto;padding:.35rem 0}
.rows li>svg{grid-column:1/-1;grid-row:2;margin-top:.15rem}
.rows .axis>span{display:none}
.rows .axis svg{grid-row:1}
.i{grid-template-columns:.7rem 4.2rem minmax(0,1fr) auto;padding:.35rem 0}
.i .what,.i .done{grid-column:2/-1}
.i .dn{grid-column:4;grid-row:1}
.figures{grid-template-columns:1fr 1fr}
.more{margin-left:.7rem}
}
@media print{
:root{color-scheme:light;LIGHT--back:#fff}
body{max-width:none;padding:0;font-size:9pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}
h2{break-after:avoid}li,tr,.i{break-inside:avoid}
pre{max-height:none;overflow:visible}.scroll{overflow:visible}
}
"""


def sheet() -> str:
    """The style sheet.  It names nothing outside."""
    light = _variables(LIGHT)
    rules = _SHEET.replace("LIGHT", light).replace("\n", "")
    dark = f"@media(prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}"
    return f":root{{color-scheme:light dark;{light}}}{dark}{rules}"
