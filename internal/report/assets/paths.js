// Paths as a tree that opens and closes. DATA is as in icicle.js; children of
// a row are those who refer to it (or, descending, what it refers to).
(() => {
  const figure = document.getElementById("figure");
  const style = document.createElement("style");
  style.textContent = `
    .hits{color:var(--dim)}
    .crumbs{font-size:.85rem;display:flex;flex-wrap:wrap;gap:.2rem;margin-bottom:.3rem}
    .crumbs a{color:var(--accent);text-decoration:none;overflow-wrap:anywhere}
    .tree,.tree ul{list-style:none;margin:0;padding-left:min(1.1rem,2.5vw)}
    .tree{padding-left:0}
    .tree li>div{display:flex;flex-wrap:wrap;gap:.5rem;align-items:baseline;padding:.08rem 0}
    .tree button{font:inherit;width:1.3rem;height:1.3rem;line-height:1;flex:none;border:1px solid var(--line);border-radius:3px;background:var(--panel);color:var(--fg);cursor:pointer}
    .tree .leaf{width:1.3rem;flex:none}
    .tree .name{overflow-wrap:anywhere;min-width:0;flex:0 1 auto;max-width:calc(100% - 1.8rem);color:inherit;text-decoration:none}
    .tree .name:hover{text-decoration:underline}
    .tree .size{color:var(--dim);font-size:.85rem;white-space:nowrap}
    .bar{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem;margin-bottom:.5rem}
    .bar input{font:inherit;padding:.25rem .5rem;min-width:0;width:16rem;max-width:100%;background:var(--panel);color:var(--fg);border:1px solid var(--line);border-radius:4px}
    .bar button{font:inherit;background:var(--panel);color:var(--fg);border:1px solid var(--line);border-radius:4px;padding:.2rem .6rem;cursor:pointer}
    .tree mark{background:#ffd54f;color:#000}`;
  document.head.append(style);
  figure.innerHTML = `<div class="bar"><input type="search" placeholder="Search names" aria-label="Search names"><button type="button">Close all</button><span class="hits" role="status"></span></div><nav class="crumbs" aria-label="Zoom"></nav><ul class="tree" role="tree"></ul>`;
  const children = new Map();
  DATA.p.forEach((up, i) => {
    if (!children.has(up)) children.set(up, []);
    children.get(up).push(i);
  });
  const list = figure.querySelector(".tree");
  const input = figure.querySelector("input");
  const hits = figure.querySelector(".hits"), crumbs = figure.querySelector(".crumbs");
  let words = "";
  let found = new Set();
  let zoom = -1; // the row that is shown alone, -1 for all
  const matches = (i) => found.has(i);
  // Whether a row or any below it matches; rows stand behind their parents.
  let below = new Uint8Array(DATA.n.length);

  function row(i, open) {
    const item = document.createElement("li");
    item.setAttribute("role", "treeitem");
    const line = document.createElement("div");
    const kids = children.get(i) ?? [];
    const name = document.createElement("a");
    name.className = "name";
    name.href = names.address(i);
    name.title = DATA.n[i];
    const text = document.createElement(matches(i) ? "mark" : "span");
    text.textContent = i === zoom ? DATA.n[i] : names.short(i);
    name.append(text);
    name.onclick = (e) => {
      if (e.ctrlKey || e.metaKey || e.shiftKey) return;
      e.preventDefault();
      go(i);
    };
    const size = document.createElement("span");
    size.className = "size";
    size.textContent = `${DATA.s[i].toLocaleString("en")} B, keeps ${DATA.r[i].toLocaleString("en")} B`;
    if (kids.length === 0) {
      const leaf = document.createElement("span");
      leaf.className = "leaf";
      line.append(leaf, name, size);
      item.append(line);
      return item;
    }
    const button = document.createElement("button");
    button.type = "button";
    let part = null;
    const show = (yes) => {
      button.textContent = yes ? "−" : "+";
      button.setAttribute("aria-label", yes ? "Close" : "Open");
      item.setAttribute("aria-expanded", yes);
      if (yes && !part) {
        part = document.createElement("ul");
        part.setAttribute("role", "group");
        for (const c of kids) part.append(row(c, words ? below[c] : false));
        item.append(part);
      }
      if (part) part.hidden = !yes;
    };
    button.onclick = () => show(button.textContent === "+");
    line.append(button, name, size);
    item.append(line);
    show(Boolean(open));
    return item;
  }

  function render(open) {
    below = new Uint8Array(DATA.n.length);
    for (let i = DATA.n.length - 1; i >= 0; i--) if ((matches(i) || below[i]) && DATA.p[i] >= 0) below[DATA.p[i]] = 1;
    list.textContent = "";
    for (const i of zoom < 0 ? children.get(-1) ?? [] : [zoom]) list.append(row(i, words ? below[i] : open));
  }

  function go(i, silent) {
    zoom = i;
    const way = [];
    for (let at = i; at >= 0; at = DATA.p[at]) way.unshift(at);
    crumbs.textContent = "";
    if (i >= 0) way.unshift(-1);
    for (const at of way) {
      const link = document.createElement("a");
      link.href = at < 0 ? location.pathname + location.search : names.address(at);
      link.textContent = (at < 0 ? "all" : names.short(at)) + (at === i ? "" : " ›");
      link.onclick = (e) => {
        e.preventDefault();
        go(at);
      };
      crumbs.append(link);
    }
    if (!silent) names.visit(i);
    render(true);
  }

  function search() {
    words = input.value.trim();
    const answer = names.find(words);
    found = new Set(answer.rows);
    hits.textContent = words ? names.told(answer) : "";
    render(true);
  }
  input.oninput = search;
  figure.querySelector(".bar button").onclick = () => {
    input.value = "";
    search();
    render(false);
  };
  addEventListener("popstate", () => go(names.addressed(), true));
  go(names.addressed(), true);
  window.paths = {
    go, get zoom() { return zoom; }, labels: () => [...list.querySelectorAll(".name")].map((n) => n.textContent),
    find: (text) => { input.value = text; search(); },
    get hits() { return hits.textContent; }, get marked() { return list.querySelectorAll("mark").length; },
  };
})();
