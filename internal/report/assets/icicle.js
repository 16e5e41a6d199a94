// The dominator tree as an icicle: a row per level, width by retained size.
// Plain canvas, no library: a rectangle is drawn only where it has a pixel,
// so trees of any size stay smooth. DATA: n names, p parent rows (-1 for the
// tops), s own bytes, r retained bytes, k kinds, o bytes of children too
// small to be listed; total is the file.
(() => {
  const figure = document.getElementById("figure");
  figure.innerHTML = `
    <div class="bar"><input type="search" placeholder="Search names" aria-label="Search names">
      <span class="hits" role="status"></span><button type="button" class="up">Up</button><button type="button" class="all">Whole program</button></div>
    <nav class="crumbs" aria-label="Zoom"></nav>
    <canvas tabindex="0" role="img" aria-label="Dominator tree; arrow keys move, Enter zooms, Escape goes up"></canvas>
    <p class="about" aria-live="polite"></p>
    <table class="list" hidden><thead><tr><th class="n">own</th><th class="n">keeps</th><th>name</th></tr></thead><tbody></tbody></table>`;
  const style = document.createElement("style");
  style.textContent = `
    .bar{display:flex;gap:.5rem;align-items:center;flex-wrap:wrap;margin-bottom:.4rem}
    .bar input{font:inherit;padding:.25rem .5rem;min-width:0;width:16rem;max-width:100%;background:var(--panel);color:var(--fg);border:1px solid var(--line);border-radius:4px}
    .bar button,.crumbs button{font:inherit;background:var(--panel);color:var(--fg);border:1px solid var(--line);border-radius:4px;padding:.2rem .6rem;cursor:pointer}
    .hits{color:var(--dim);margin-right:auto}
    .crumbs{font-size:.85rem;margin:.2rem 0;display:flex;flex-wrap:wrap;gap:.2rem;align-items:center}
    .crumbs button{border:0;background:none;color:var(--accent);padding:0 .2rem;max-width:min(26rem,100%);overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
    canvas{display:block;width:100%;outline-offset:2px;cursor:pointer}
    .list td{font-size:.85rem;cursor:pointer;overflow-wrap:anywhere}
    .list td.n{overflow-wrap:normal}
    .list tr:hover td{background:var(--panel)}
    .about{min-height:3.1em;margin:.4rem 0;font-size:.9rem;overflow-wrap:anywhere}`;
  document.head.append(style);
  const [input] = figure.getElementsByTagName("input");
  const canvas = figure.querySelector("canvas");
  const crumbs = figure.querySelector(".crumbs");
  const about = figure.querySelector(".about");
  const hits = figure.querySelector(".hits");
  const draw = canvas.getContext("2d");

  // The tree: node 0 is the program, rows follow.
  const count = DATA.n.length + 1;
  const children = Array.from({ length: count }, () => []);
  const parent = new Int32Array(count), kept = new Float64Array(count);
  parent[0] = -1;
  for (let i = 1; i < count; i++) {
    parent[i] = DATA.p[i - 1] + 1;
    kept[i] = DATA.r[i - 1];
    children[parent[i]].push(i);
    if (parent[i] === 0) kept[0] += kept[i];
  }
  const label = (i) => (i === 0 ? "the whole program" : DATA.n[i - 1]);
  const short = (i) => (i === 0 ? label(0) : names.short(i - 1));
  const { bytes } = names;
  const hue = { code: 212, data: 38, vtable: 285, import: 0, export: 150, table: 190, global: 100, custom: 60, other: 320 };

  let zoom = 0, over = 0, found = null;
  let boxes = []; // what is on screen: [x, y, width, node]
  const rowHeight = 24, levels = 26;

  function colour(i, dark) {
    if (i === 0) return dark ? "#2b323a" : "#d8dde3";
    const h = hue[DATA.k[i - 1]] ?? 320;
    // Crates differ a little in hue, so that borders between them are seen.
    let crate = 0;
    for (const c of DATA.n[i - 1].replace(/^[<[&*(]+/, "").split("::")[0]) crate = (crate * 31 + c.charCodeAt(0)) % 997;
    const l = dark ? 26 + (crate % 12) : 84 - (crate % 14);
    return `hsl(${h + (crate % 40) - 20} ${dark ? 38 : 60}% ${l}%)`;
  }

  function paint() {
    const width = figure.clientWidth;
    const dark = matchMedia("(prefers-color-scheme:dark)").matches;
    const css = getComputedStyle(document.documentElement);
    const ratio = devicePixelRatio || 1;
    boxes = [];
    let deepest = 0;
    const place = (i, x, w, depth) => {
      const stack = [[i, x, w, depth]];
      while (stack.length) {
        const [node, left, wide, level] = stack.pop();
        boxes.push([left, level * rowHeight, wide, node]);
        deepest = Math.max(deepest, level);
        if (level + 1 >= levels || kept[node] === 0) continue;
        let at = left;
        for (const c of children[node]) {
          const part = (wide * kept[c]) / kept[node];
          if (part < 0.4) break; // children come largest first
          stack.push([c, at, part, level + 1]);
          at += part;
        }
      }
    };
    place(zoom, 0, width, 0);
    const height = (deepest + 1) * rowHeight;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.height = height + "px";
    draw.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw.font = "12px system-ui, sans-serif";
    draw.textBaseline = "middle";
    const foreground = css.getPropertyValue("--fg"), background = css.getPropertyValue("--bg"), accent = css.getPropertyValue("--accent");
    for (const [x, y, w, node] of boxes) {
      draw.globalAlpha = found && !found.has(node) ? 0.3 : 1;
      draw.fillStyle = colour(node, dark);
      draw.fillRect(x, y, Math.max(w - (w > 3 ? 1 : 0), 0.4), rowHeight - 1);
      if (w > 36) {
        draw.fillStyle = foreground;
        draw.save();
        draw.beginPath();
        draw.rect(x, y, w - 4, rowHeight);
        draw.clip();
        draw.fillText(`${node === zoom ? label(node) : short(node)}  ${bytes(kept[node])}`, x + 4, y + rowHeight / 2);
        draw.restore();
      }
      if (node === over) {
        draw.globalAlpha = 1;
        draw.lineWidth = 2;
        draw.strokeStyle = accent;
        draw.strokeRect(x + 1, y + 1, Math.max(w - 3, 1), rowHeight - 3);
      }
    }
    draw.globalAlpha = 1;
    if (boxes.length === 0) {
      draw.fillStyle = background;
      draw.fillRect(0, 0, width, height);
    }
    describe(over);
  }

  function describe(i) {
    const share = ((100 * kept[i]) / DATA.total).toFixed(2);
    let text = `${label(i)}: keeps ${kept[i].toLocaleString("en")} bytes alive, ${share} % of the file`;
    if (i > 0) {
      text += `; ${DATA.s[i - 1].toLocaleString("en")} of its own (${DATA.k[i - 1]}); ${children[i].length} items right below it`;
      if (DATA.o[i - 1] > 0) text += `, and smaller ones of ${DATA.o[i - 1].toLocaleString("en")} bytes`;
      if (parent[i] > 0) text += `; kept by ${label(parent[i])}`;
    }
    about.textContent = text;
  }

  function go(i, silent) {
    zoom = i;
    over = i;
    crumbs.textContent = "";
    const way = [];
    for (let at = i; at >= 0; at = parent[at]) way.unshift(at);
    way.forEach((at, k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = short(at);
      button.title = label(at);
      button.onclick = () => go(at);
      if (k > 0) crumbs.append("›");
      crumbs.append(button);
    });
    if (!silent) names.visit(i - 1);
    paint();
  }

  const hit = (e) => {
    const r = canvas.getBoundingClientRect(), x = e.clientX - r.left, y = e.clientY - r.top;
    const box = boxes.find((b) => x >= b[0] && x < b[0] + b[2] && y >= b[1] && y < b[1] + rowHeight);
    return box ? box[3] : -1;
  };
  canvas.onmousemove = (e) => {
    const i = hit(e);
    canvas.title = i < 0 ? "" : label(i);
    if (i >= 0 && i !== over) {
      over = i;
      paint();
    }
  };
  canvas.onclick = (e) => {
    const i = hit(e);
    if (i < 0) return;
    go(i === zoom && parent[i] >= 0 ? parent[i] : i);
  };
  canvas.onkeydown = (e) => {
    const siblings = over === zoom ? [over] : children[parent[over]];
    const at = siblings.indexOf(over);
    const next = {
      ArrowDown: children[over][0], ArrowUp: over === zoom ? undefined : parent[over],
      ArrowRight: siblings[at + 1], ArrowLeft: siblings[at - 1],
    }[e.key];
    if (next !== undefined) over = next;
    else if (e.key === "Enter") return go(over);
    else if (e.key === "Escape") return parent[zoom] >= 0 ? go(parent[zoom]) : undefined;
    else return;
    e.preventDefault();
    paint();
  };
  const list = figure.querySelector(".list"), rows = list.querySelector("tbody");
  function search() {
    const answer = names.find(input.value);
    found = input.value.trim() === "" ? null : new Set(answer.rows.map((i) => i + 1));
    hits.textContent = found ? names.told(answer) : "";
    list.hidden = !found || found.size === 0;
    rows.textContent = "";
    for (const i of [...(found ?? [])].sort((a, b) => kept[b] - kept[a]).slice(0, 200)) {
      const tr = document.createElement("tr");
      for (const [text, number] of [[bytes(DATA.s[i - 1]), true], [bytes(kept[i]), true], [label(i), false]]) {
        const td = document.createElement("td");
        td.textContent = text;
        if (number) td.className = "n";
        tr.append(td);
      }
      tr.onclick = () => go(i);
      rows.append(tr);
    }
    paint();
  }
  input.oninput = search;
  input.onkeydown = (e) => {
    if (e.key !== "Enter" || !found || found.size === 0) return;
    let best = -1;
    for (const i of found) if (best < 0 || kept[i] > kept[best]) best = i;
    go(best);
  };
  figure.querySelector(".up").onclick = () => parent[zoom] >= 0 && go(parent[zoom]);
  figure.querySelector(".all").onclick = () => go(0);
  new ResizeObserver(paint).observe(figure);
  const asked = () => Math.max(names.addressed() + 1, 0);
  addEventListener("popstate", () => go(asked(), true));
  go(asked(), true);
  window.icicle = {
    go, get zoom() { return zoom; }, labels: () => boxes.map((b) => short(b[3])),
    find: (words) => { input.value = words; search(); },
    get hits() { return hits.textContent; }, get listed() { return rows.children.length; },
  };
})();
