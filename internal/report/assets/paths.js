// Paths as a tree that opens and closes. DATA is as in icicle.js; children of
// a row are those who refer to it (or, descending, what it refers to).
(() => {
  const figure = document.getElementById("figure");
  const style = document.createElement("style");
  style.textContent = `
    .tree,.tree ul{list-style:none;margin:0;padding-left:1.1rem}
    .tree{padding-left:0}
    .tree li>div{display:flex;gap:.5rem;align-items:baseline;padding:.08rem 0}
    .tree button{font:inherit;width:1.3rem;height:1.3rem;line-height:1;flex:none;border:1px solid var(--line);border-radius:3px;background:var(--panel);color:var(--fg);cursor:pointer}
    .tree .leaf{width:1.3rem;flex:none}
    .tree .name{overflow-wrap:anywhere}
    .tree .size{color:var(--dim);font-size:.85rem;white-space:nowrap}
    .bar{display:flex;gap:.5rem;margin-bottom:.5rem}
    .bar input{font:inherit;padding:.25rem .5rem;min-width:16rem;background:var(--panel);color:var(--fg);border:1px solid var(--line);border-radius:4px}
    .bar button{font:inherit;background:var(--panel);color:var(--fg);border:1px solid var(--line);border-radius:4px;padding:.2rem .6rem;cursor:pointer}
    .tree mark{background:#ffd54f;color:#000}`;
  document.head.append(style);
  figure.innerHTML = `<div class="bar"><input type="search" placeholder="Search names" aria-label="Search names"><button type="button">Close all</button></div><ul class="tree" role="tree"></ul>`;
  const children = new Map();
  DATA.p.forEach((up, i) => {
    if (!children.has(up)) children.set(up, []);
    children.get(up).push(i);
  });
  const list = figure.querySelector(".tree");
  const input = figure.querySelector("input");
  let words = "";
  const matches = (i) => words && DATA.n[i].toLowerCase().includes(words);
  // Whether a row or any below it matches; rows stand behind their parents.
  let below = new Uint8Array(DATA.n.length);

  function row(i, open) {
    const item = document.createElement("li");
    item.setAttribute("role", "treeitem");
    const line = document.createElement("div");
    const kids = children.get(i) ?? [];
    const name = document.createElement(matches(i) ? "mark" : "span");
    name.className = "name";
    name.textContent = DATA.n[i];
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
    for (const i of children.get(-1) ?? []) list.append(row(i, words ? below[i] : open));
  }
  input.oninput = () => {
    words = input.value.toLowerCase();
    render(true);
  };
  figure.querySelector(".bar button").onclick = () => {
    input.value = words = "";
    render(false);
  };
  render(true);
})();
