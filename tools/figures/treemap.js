// The treemap of a size report: a canvas that zooms, with search, breadcrumbs,
// a table beside it and the keyboard.
//
// What is hard is 100,000 functions: a DOM node each is too many, and a layout
// of them all at every zoom too slow. So the layout is lazy: children are
// placed only where their parent has room on the screen, which is never more
// than some thousand rectangles, whatever the program's size.
import { treemapSquarify } from "d3-hierarchy";

const figure = document.getElementById("figure");
const compared = Array.isArray(DATA.delta);

figure.innerHTML = `
<style>
main{max-width:none}
#figure{display:grid;grid-template-columns:minmax(0,1fr) minmax(260px,380px);gap:12px;align-items:start}
#figure .bar{grid-column:1/-1;display:flex;flex-wrap:wrap;gap:8px;align-items:center}
#figure .crumbs{flex:1 1 300px;min-width:0;display:flex;flex-wrap:wrap;gap:2px;font-size:.9rem}
#figure .crumbs a{text-decoration:none;color:var(--accent);padding:2px 4px;max-width:32ch;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
#figure .crumbs a[aria-current]{color:var(--fg);font-weight:600}
#figure input{font:inherit;padding:.3rem .5rem;border:1px solid var(--line);border-radius:6px;background:var(--bg);color:var(--fg);width:24ch;max-width:100%}
#figure .tool{font:inherit;border:1px solid var(--line);border-radius:6px;background:var(--panel);color:var(--fg);padding:.3rem .6rem;cursor:pointer}
#figure .map{position:relative;height:min(72vh,820px);min-height:320px}
#figure canvas{position:absolute;inset:0;width:100%;height:100%;border-radius:6px;outline-offset:2px}
#figure .tip{position:fixed;z-index:2;pointer-events:none;max-width:min(560px,90vw);background:var(--bg);color:var(--fg);border:1px solid var(--line);border-radius:6px;padding:6px 9px;font-size:.85rem;box-shadow:0 3px 14px #0004;display:none;overflow-wrap:anywhere}
#figure .tip b{display:block}
#figure .list{height:min(72vh,820px);min-height:320px;overflow:auto;border:1px solid var(--line);border-radius:6px}
#figure .list td{font-size:.82rem;cursor:pointer;overflow-wrap:anywhere}
#figure .list td.n{overflow-wrap:normal}
#figure .list tr:hover td,#figure .list tr.on td{background:var(--panel)}
#figure .list th{position:sticky;top:0;background:var(--bg)}
#figure .status{grid-column:1/-1;color:var(--dim);font-size:.85rem;min-height:1.3em;overflow-wrap:anywhere}
:root[data-theme=light]{color-scheme:light;--bg:#fff;--fg:#1b1f24;--dim:#667;--line:#d8dde3;--accent:#0b62c4;--panel:#f5f7f9}
:root[data-theme=dark]{color-scheme:dark;--bg:#0f1216;--fg:#e6e9ee;--dim:#98a2ad;--line:#2b323a;--accent:#6cb0ff;--panel:#171c22}
@media (max-width:800px){#figure{grid-template-columns:minmax(0,1fr)}#figure .map,#figure .list{height:52vh;min-height:240px}#figure .list td,#figure .list th{padding:.25rem .35rem}}
</style>
<div class="bar"><nav class="crumbs" aria-label="path"></nav>
<input type="search" placeholder="search (/)" aria-label="search names">
<button class="tool theme" type="button">dark / light</button></div>
<div class="map"><canvas tabindex="0" role="application" aria-label="treemap: arrow keys choose, Enter goes in, Backspace goes out, / searches"></canvas></div>
<div class="list"><table><thead><tr><th class="n">${compared ? "change" : "bytes"}</th><th class="n">share</th><th>name</th></tr></thead><tbody></tbody></table></div>
<div class="status" role="status" aria-live="polite"></div>
<div class="tip"></div>`;

const pick = (s) => figure.querySelector(s);
const canvas = pick("canvas"), context = canvas.getContext("2d"), tip = pick(".tip");
const body = pick("tbody"), crumbs = pick(".crumbs"), search = pick("input"), status = pick(".status");

// The nodes, parents before children, children largest first.
const nodes = DATA.name.map((name, i) => ({
  id: i, name: DATA.names[name], value: DATA.size[i], delta: compared ? DATA.delta[i] : 0,
  parent: null, children: null, depth: 0, hue: 0, hit: false, x0: 0, y0: 0, x1: 0, y1: 0,
}));
DATA.parent.forEach((p, i) => {
  if (p < 0) return;
  const n = nodes[i];
  n.parent = nodes[p];
  n.depth = n.parent.depth + 1;
  (n.parent.children = n.parent.children || []).push(n);
});
const root = nodes[0];
(root.children || []).forEach((n, i) => (n.hue = (i * 137.508 + 205) % 360));
nodes.forEach((n) => { if (n.depth > 1) n.hue = n.parent.hue; });

let here = root, chosen = null, query = "", matched = 0, placed = [];

const bytes = (n) => {
  const a = Math.abs(n);
  if (a < 1024) return n + " B";
  if (a < 1048576) return (n / 1024).toFixed(1) + " KiB";
  return (n / 1048576).toFixed(2) + " MiB";
};
const signed = (n) => (n > 0 ? "+" : "") + bytes(n);
const amount = (n) => (compared ? signed(n.delta) : bytes(n.value));
const share = (n, of) => (of.value > 0 ? ((100 * n.value) / of.value).toFixed(1) + "%" : "");
const path = (n) => { const p = []; for (; n; n = n.parent) p.unshift(n); return p; };

// label is a name without what its parent's says already: f in the module
// app::net is app::net::f. Where another thing is named first, as in
// <T as app::net::Trait>::f, nothing is left out.
const separators = ["::", "/", "."];
function label(n) {
  const above = n.parent ? n.parent.name : "";
  for (const s of above ? separators : [])
    if (n.name.length > above.length + s.length && n.name.startsWith(above + s)) return n.name.slice(above.length + s.length);
  return n.name;
}

// link is the address of a zoomed state: names, not numbers, so that it holds
// for the page of the next build too.
const link = (n) => "#" + path(n).slice(1).map((x) => encodeURIComponent(x.name)).join("/");
function linked(hash) {
  let n = root;
  for (const part of hash.slice(1).split("?q=")[0].split("/").filter(Boolean)) { // what is searched for stands behind
    let name = part;
    try { name = decodeURIComponent(part); } catch (_) { /* typed by hand */ }
    const next = (n.children || []).find((c) => c.name === name);
    if (!next) break;
    n = next;
  }
  return n.children ? n : n.parent || root;
}

// place lays n's children out inside n, and theirs, while there is room.
const LABEL = 16;
function place(n, depth) {
  placed.push(n);
  const w = n.x1 - n.x0, h = n.y1 - n.y0;
  if (!n.children || w < 6 || h < 6 || w * h < 300 || depth > 6) return;
  const head = n === here ? 0 : h > 34 && w > 40 ? LABEL : 0, pad = head ? 2 : n === here ? 0 : 1;
  if (w - 2 * pad <= 0 || h - head - 2 * pad <= 0) return;
  treemapSquarify(n, n.x0 + pad, n.y0 + pad + head, n.x1 - pad, n.y1 - pad);
  for (const c of n.children) {
    c.shown = c.x1 - c.x0 >= 1.6 && c.y1 - c.y0 >= 1.6; // smaller ones are their parent's colour
    if (c.shown) place(c, depth + 1);
  }
}

function color(n, dark, level) {
  if (compared) {
    const strength = n.value > 0 ? Math.min(1, Math.abs(n.delta) / n.value) : 0;
    const hue = n.delta > 0 ? 24 : 210; // orange and blue: told apart by everybody
    return `hsl(${hue} ${Math.round(15 + 65 * strength)}% ${dark ? 26 + 4 * level : 82 - 4 * level}%)`;
  }
  return `hsl(${n.hue} ${dark ? 34 : 52}% ${dark ? 22 + 5 * level : 84 - 5 * level}%)`;
}

function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function draw() {
  const box = canvas.getBoundingClientRect(), scale = window.devicePixelRatio || 1;
  if (box.width < 2 || box.height < 2) return;
  canvas.width = Math.round(box.width * scale);
  canvas.height = Math.round(box.height * scale);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const dark = isDark();
  context.clearRect(0, 0, box.width, box.height);
  Object.assign(here, { x0: 0, y0: 0, x1: box.width, y1: box.height });
  placed = [];
  place(here, 0);
  context.font = "11px system-ui,sans-serif";
  context.textBaseline = "top";
  for (const n of placed) {
    if (n === here && n.children) continue;
    const w = n.x1 - n.x0, h = n.y1 - n.y0, level = Math.min(n.depth - here.depth, 4);
    context.globalAlpha = query && !n.hit ? 0.22 : 1;
    context.fillStyle = color(n, dark, level);
    context.fillRect(n.x0, n.y0, w, h);
    if (w > 4 && h > 4) {
      context.strokeStyle = dark ? "#0f1216" : "#fff";
      context.lineWidth = 1;
      context.strokeRect(n.x0 + 0.5, n.y0 + 0.5, w - 1, h - 1);
    }
    if (w > 34 && h > 13) {
      context.fillStyle = dark ? "#e6e9ee" : "#1b1f24";
      context.fillText(fit(n, w - 6), n.x0 + 3, n.y0 + 2);
    }
  }
  context.globalAlpha = 1;
  if (chosen && placed.includes(chosen)) {
    context.strokeStyle = dark ? "#ffd166" : "#b3261e";
    context.lineWidth = 3;
    context.strokeRect(chosen.x0 + 1.5, chosen.y0 + 1.5, Math.max(chosen.x1 - chosen.x0 - 3, 1), Math.max(chosen.y1 - chosen.y0 - 3, 1));
  }
}

// fit cuts a label to the room; letters of this font are about 6 wide, so the
// expensive measuring is for the border cases alone.
function fit(n, room) {
  const name = label(n);
  let text = name + "  " + amount(n);
  if (text.length * 4.2 > room) text = name;
  const letters = Math.floor(room / 5.4);
  return text.length > letters ? text.slice(0, Math.max(letters - 1, 1)) + "…" : text;
}

function table() {
  const rows = query ? matches() : here.children || [here];
  const list = compared ? rows.slice().sort((a, b) => Math.abs(b.delta) - Math.abs(a.delta)) : rows;
  const part = document.createDocumentFragment();
  for (const n of list.slice(0, 400)) {
    const tr = document.createElement("tr");
    tr.dataset.id = n.id;
    if (n === chosen) tr.className = "on";
    for (const [text, right] of [[amount(n), true], [share(n, here), true], [query ? n.name : label(n), false]]) {
      const td = document.createElement("td");
      td.textContent = text;
      td.title = right ? "" : path(n).slice(1).map((x) => x.name).join(" › ");
      if (right) td.className = "n";
      tr.append(td);
    }
    part.append(tr);
  }
  if (list.length > 400) {
    const tr = document.createElement("tr"), td = document.createElement("td");
    td.colSpan = 3;
    td.textContent = list.length - 400 + " smaller ones: search finds them";
    tr.append(td);
    part.append(tr);
  }
  body.replaceChildren(part);
}

// matches are what the search found in here, each byte once: a match inside of
// another one counts with that.
function matches() {
  const list = [], stack = path(here).some((n) => n.matches) ? [here] : (here.children || []).slice();
  if (stack[0] === here) return stack;
  while (stack.length) {
    const n = stack.pop();
    if (n.matches) list.push(n);
    else if (n.hit && n.children) stack.push(...n.children);
  }
  return list.sort((a, b) => b.value - a.value);
}

function found() {
  const list = matches(), sum = { value: 0, delta: 0 };
  for (const n of list) { sum.value += n.value; sum.delta += n.delta; }
  return matched + (matched === 1 ? " name matches “" : " names match “") + query + "”: " + amount(sum) + " together" +
    (here === root ? "" : " in " + here.name) + (compared ? "" : ", " + share(sum, root) + " of all");
}

function say(n) {
  status.textContent = n ? path(n).map(label).join(" › ") + ": " + amount(n) + (compared ? "" : ", " + share(n, root) + " of all")
    : query ? found() : "";
}

function trail() {
  crumbs.replaceChildren(...path(here).map((n) => {
    const b = document.createElement("a");
    b.href = link(n);
    b.textContent = label(n) + (n === here ? " (" + amount(n) + ")" : " ›");
    b.title = n.name;
    b.dataset.id = n.id;
    if (n === here) b.setAttribute("aria-current", "page");
    return b;
  }));
}

function go(n, keep, visited) {
  here = n;
  if (!keep) chosen = null;
  trail();
  table();
  draw();
  say(chosen);
  if (!visited && linked(location.hash) !== n) {
    const [, words] = location.hash.match(/(\?q=.*)$/) || ["", ""];
    history.pushState(null, "", n === root && !words ? location.pathname + location.search : link(n) + words);
  }
}

// enter goes in, past nodes that have only one thing in them; leave goes out
// the same way.
function enter(n) {
  while (n.children && n.children.length === 1 && n.children[0].children) n = n.children[0];
  go(n);
}
function leave() {
  let n = here.parent;
  while (n.parent && n.children.length === 1) n = n.parent;
  const was = into(here, n);
  go(n);
  return was;
}

function choose(n) {
  chosen = n;
  for (const tr of body.children) {
    tr.className = n && +tr.dataset.id === n.id ? "on" : "";
    if (tr.className) tr.scrollIntoView({ block: "nearest" });
  }
  draw();
  say(n);
}

// at is the deepest drawn node under the pointer.
function at(event) {
  const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  let found = null;
  for (const n of placed) if (n !== here && x >= n.x0 && x < n.x1 && y >= n.y0 && y < n.y1) found = n;
  return found;
}

// into is the child of here on the way to n.
function into(n, top = here) {
  while (n && n.parent && n.parent !== top) n = n.parent;
  return n;
}

function find(text) {
  query = text.trim();
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  matched = 0;
  for (const n of nodes) n.hit = n.matches = false;
  if (words.length) {
    for (let i = nodes.length - 1; i >= 0; i--) {
      const n = nodes[i], name = n.name.toLowerCase();
      if (words.every((w) => name.includes(w))) { n.hit = n.matches = true; matched++; mark(n); }
      if (n.hit && n.parent) n.parent.hit = true;
    }
  }
  table();
  draw();
  say(null);
}

// mark shows everything below a match as well.
function mark(n) {
  const stack = n.children ? n.children.slice() : [];
  while (stack.length) {
    const c = stack.pop();
    if (c.hit) continue;
    c.hit = true;
    if (c.children) stack.push(...c.children);
  }
}

// toward is the sibling whose middle lies nearest in a direction.
function toward(dx, dy) {
  const list = (here.children || []).filter((n) => n.shown);
  if (!list.length) return null;
  if (!chosen || chosen.parent !== here) return list[0];
  const middle = (n) => [(n.x0 + n.x1) / 2, (n.y0 + n.y1) / 2], [cx, cy] = middle(chosen);
  let best = chosen, least = Infinity;
  for (const n of list) {
    const [x, y] = middle(n), along = (x - cx) * dx + (y - cy) * dy, aside = Math.abs((x - cx) * dy) + Math.abs((y - cy) * dx);
    if (n !== chosen && along > 0.5 && along + 2 * aside < least) { least = along + 2 * aside; best = n; }
  }
  return best;
}

canvas.addEventListener("mousemove", (event) => {
  const n = at(event);
  if (!n) { tip.style.display = "none"; return; }
  const name = document.createElement("b");
  name.textContent = n.name;
  const lines = [amount(n) + (compared ? "" : ", " + n.value.toLocaleString("en") + " bytes of " + (DATA.domain === "memory" ? "memory" : "the file")),
    share(n, here) + " of " + here.name + (here === root ? "" : ", " + share(n, root) + " of all"), path(n.parent).map((x) => x.name).join(" › ")];
  tip.replaceChildren(name, ...lines.map((text) => { const d = document.createElement("div"); d.textContent = text; return d; }));
  tip.style.display = "block";
  tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + "px";
});
canvas.addEventListener("mouseleave", () => (tip.style.display = "none"));
canvas.addEventListener("click", (event) => {
  const n = into(at(event));
  if (!n) return;
  if (n.children) enter(n); else choose(n);
});
canvas.addEventListener("contextmenu", (event) => { if (here.parent) { event.preventDefault(); leave(); } });
canvas.addEventListener("keydown", (event) => {
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (arrows[event.key]) choose(toward(...arrows[event.key]));
  else if (event.key === "Enter" && chosen) { if (chosen.children) { enter(chosen); choose(toward(0, 0)); } }
  else if ((event.key === "Backspace" || event.key === "Escape") && here.parent) choose(leave());
  else if (event.key === "Home") go(root);
  else return;
  event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) { search.focus(); event.preventDefault(); }
});
search.addEventListener("keydown", (event) => { if (event.key === "Escape") { search.value = ""; find(""); canvas.focus(); } });
let typing = 0;
search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => find(search.value), 120); });
body.addEventListener("click", (event) => {
  const tr = event.target.closest("tr"), n = tr && nodes[tr.dataset.id];
  if (n) n.children ? enter(n) : choose(n);
});
crumbs.addEventListener("click", (event) => {
  const b = event.target.closest("a");
  if (b && !event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); go(nodes[b.dataset.id]); }
});
pick(".theme").addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; draw(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
new ResizeObserver(draw).observe(canvas);

addEventListener("popstate", () => go(linked(location.hash), false, true));
go(linked(location.hash), false, true);
// For tests, and for those who script the page.
window.treemap = { nodes, find, go: (id) => go(nodes[id]), get here() { return here; }, get drawn() { return placed.length; }, get matched() { return matched; }, get status() { return status.textContent; }, link: () => link(here), labels: () => placed.map(label) };
