// The ladder as a waterfall, and size against speed where speed was measured.
// No library: two small SVGs, drawn from DATA, which is
// {program, baseline, rungs: [{name, size, kept, best, speed, why, loses, kind}]}.
(() => {
  const NS = "http://www.w3.org/2000/svg";
  const root = document.getElementById("figure");
  const el = (parent, name, attrs, text) => {
    const e = document.createElementNS(NS, name);
    for (const k in attrs) e.setAttribute(k, attrs[k]);
    if (text !== undefined) e.textContent = text;
    parent.appendChild(e);
    return e;
  };
  const bytes = n => n < 1024 ? n + " B" : n < 1048576 ? (n / 1024).toFixed(1) + " KiB" : (n / 1048576).toFixed(2) + " MiB";
  const style = document.createElement("style");
  style.textContent = `
    #figure svg { width: 100%; max-width: 1000px; height: auto; font: 12px system-ui, sans-serif; display: block; margin: 0 0 1.5rem }
    #figure text { fill: currentColor }
    #figure .dim { opacity: .55 }
    #figure .kept { fill: #3b82c4 } #figure .fall { fill: #3fa34d } #figure .best { fill: #d98c1f }
    #figure .dropped { fill: none; stroke: currentColor; stroke-dasharray: 3 3; opacity: .45 }
    #figure .axis { stroke: currentColor; opacity: .25 } #figure .link { stroke: currentColor; opacity: .35 }
    #figure h2 { font-size: 1rem; margin: 1rem 0 .4rem }`;
  document.head.appendChild(style);
  const heading = text => { const h = document.createElement("h2"); h.textContent = text; root.appendChild(h); };
  const tip = r => [r.name, r.size ? bytes(r.size) : "", r.kept ? "" : "left out: " + r.why, ...(r.loses || []).map(l => "loses: " + l)].filter(Boolean).join("\n");

  // Waterfall: one line per rung. A kept rung is what is left, and what fell
  // away; one that was left out is an outline of what it would have been.
  const rungs = DATA.rungs, row = 24, left = 250, width = 1000, right = 150;
  const top = Math.max(...rungs.map(r => r.size), 1);
  const x = n => left + (width - left - right) * n / top;
  heading("The ladder as a waterfall");
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${rungs.length * row + 24}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("class", "waterfall");
  svg.setAttribute("aria-label", "size after each rung");
  root.appendChild(svg);
  for (let i = 0; i <= 4; i++) {
    const at = x(top * i / 4);
    el(svg, "line", { x1: at, x2: at, y1: 0, y2: rungs.length * row + 4, class: "axis" });
    el(svg, "text", { x: at, y: rungs.length * row + 18, "text-anchor": "middle", class: "dim" }, bytes(Math.round(top * i / 4)));
  }
  let before = rungs.length ? rungs[0].size : 0;
  rungs.forEach((r, i) => {
    const y = i * row + 4, g = el(svg, "g", {});
    el(g, "title", {}, tip(r));
    const label = r.name.length > 38 ? r.name.slice(0, 37) + "…" : r.name;
    el(g, "text", { x: left - 8, y: y + 12, "text-anchor": "end", class: r.kept ? "" : "dim" }, label);
    let note = r.size ? bytes(r.size) : "";
    if (!r.kept) {
      if (r.size) el(g, "rect", { x: left, y, width: Math.max(x(r.size) - left, 1), height: row - 9, class: "dropped" });
      note = note ? note + ", left out" : "left out";
    } else {
      el(g, "rect", { x: left, y, width: Math.max(x(r.size) - left, 1), height: row - 9, class: r.best ? "best" : "kept" });
      if (before > r.size) el(g, "rect", { x: x(r.size), y, width: x(before) - x(r.size), height: row - 9, class: "fall", opacity: ".35" });
      before = r.size;
    }
    el(g, "text", { x: Math.max(r.size ? x(r.size) : left, r.kept ? x(before) : left) + 6, y: y + 12, class: r.kept ? "" : "dim" }, note);
  });

  // Size against speed: the lower left is where one wants to be.
  const points = rungs.filter(r => r.speed > 0 && r.size > 0);
  if (!points.length) return;
  const base = { name: "release, stripped", size: DATA.baseline, speed: 1, kept: true };
  const all = [base, ...points];
  heading("Size against speed");
  const plot = document.createElementNS(NS, "svg"), w = 1000, h = 380, m = 60;
  plot.setAttribute("viewBox", `0 0 ${w} ${h}`);
  plot.setAttribute("role", "img");
  plot.setAttribute("class", "plot");
  plot.setAttribute("aria-label", "size against time");
  root.appendChild(plot);
  const maxSize = Math.max(...all.map(p => p.size)) * 1.08, minSpeed = Math.min(...all.map(p => p.speed)) * .95, maxSpeed = Math.max(...all.map(p => p.speed)) * 1.05;
  const px = n => m + (w - m - 220) * n / maxSize, py = s => h - 45 - (h - 70) * (s - minSpeed) / (maxSpeed - minSpeed || 1);
  el(plot, "line", { x1: m, x2: w - 220, y1: h - 45, y2: h - 45, class: "axis" });
  el(plot, "line", { x1: m, x2: m, y1: 15, y2: h - 45, class: "axis" });
  for (let i = 0; i <= 4; i++) el(plot, "text", { x: px(maxSize * i / 4), y: h - 28, "text-anchor": "middle", class: "dim" }, bytes(Math.round(maxSize * i / 4)));
  for (let i = 0; i <= 4; i++) {
    const s = minSpeed + (maxSpeed - minSpeed) * i / 4;
    el(plot, "text", { x: m - 6, y: py(s) + 4, "text-anchor": "end", class: "dim" }, (s * 100).toFixed(0) + "%");
  }
  el(plot, "text", { x: (w - 220 + m) / 2, y: h - 8, "text-anchor": "middle", class: "dim" }, "size");
  el(plot, "text", { x: m, y: 10, class: "dim" }, "time, of the release build's");
  el(plot, "line", { x1: m, x2: w - 220, y1: py(1), y2: py(1), class: "link", "stroke-dasharray": "4 4" });
  all.forEach(p => {
    const g = el(plot, "g", {});
    el(g, "title", {}, `${p.name}\n${bytes(p.size)}, ${(p.speed * 100).toFixed(1)}% of the time`);
    el(g, "circle", { cx: px(p.size), cy: py(p.speed), r: p.best ? 7 : 5, class: p.best ? "best" : "kept" });
    el(g, "text", { x: px(p.size) + 10, y: py(p.speed) + 4 }, p.name);
  });
})();
