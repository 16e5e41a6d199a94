// What every page has, with a figure or without: one search for all that is on
// it, tables that sort, links from their names into the figure, a copy as
// Markdown. It runs when the page is whole, so a figure is there already.
addEventListener("DOMContentLoaded", () => {
  const bytes = (n) => (Math.abs(n) < 1024 ? n + " B" : Math.abs(n) < 1048576 ? (n / 1024).toFixed(1) + " KiB" : (n / 1048576).toFixed(2) + " MiB");
  const make = (name, attributes, ...inside) => {
    const e = Object.assign(document.createElement(name), attributes);
    e.append(...inside);
    return e;
  };
  const main = document.querySelector("main"), figure = document.getElementById("figure");
  const tables = [...main.querySelectorAll("section .table table")].map((table) => {
    const rows = [...table.tBodies[0].rows].map((tr) => ({ tr, depth: +(tr.dataset.depth || 0), text: tr.textContent.toLowerCase(), below: [] }));
    const tops = [], above = [];
    for (const row of rows) { // a row's children follow it
      above.length = Math.min(row.depth, above.length);
      (above.length ? above[above.length - 1].below : tops).push(row);
      above.push(row);
    }
    return { table, rows, tops, heads: [...table.tHead.rows[0].cells] };
  });

  // The bar: where the page's parts are, and what is searched for.
  const bar = make("nav", { className: "frame" });
  const sections = [...main.querySelectorAll("section > h2")];
  sections.forEach((h, i) => {
    h.id = h.id || "part" + (i + 1);
    const link = make("button", { type: "button", onclick: () => h.scrollIntoView() }, h.textContent);
    if (sections.length > 1) bar.append(link);
  });
  let input = figure && figure.querySelector("input[type=search]");
  if (!input && tables.length) bar.append((input = make("input", { type: "search", placeholder: "search (/)", ariaLabel: "search all tables" })));
  if (bar.childNodes.length) main.querySelector("h1").after(bar);

  // Searching: rows that match all words, with those above them; what they sum
  // to is said below each table, a row inside of a match not twice.
  function search(words) {
    for (const t of tables) {
      let count = 0, sum = 0;
      const column = t.heads.findIndex((h) => h.dataset.bytes !== undefined);
      const show = (row, inside) => {
        const hit = words.every((w) => row.text.includes(w));
        if (hit && words.length) {
          count++;
          if (!inside && column >= 0) sum += +row.tr.cells[column].dataset.v || 0;
        }
        let some = hit;
        for (const child of row.below) some = show(child, inside || hit) || some;
        row.tr.hidden = !(some || (inside && words.length > 0));
        return some;
      };
      for (const row of t.tops) show(row, false);
      t.said.textContent = words.length ? `${count} ${count === 1 ? "row matches" : "rows match"}${column >= 0 ? ", " + bytes(sum) + " together" : ""}` : "";
    }
  }
  const asked = () => {
    const q = location.hash.indexOf("?q=");
    try {
      return q < 0 ? "" : decodeURIComponent(location.hash.slice(q + 3));
    } catch {
      return "";
    }
  };
  const changed = () => {
    const text = input.value.trim();
    search(text.toLowerCase().split(/\s+/).filter(Boolean));
    const zoom = location.hash.split("?q=")[0];
    if (asked() !== text) history.replaceState(null, "", text ? (zoom || "#") + "?q=" + encodeURIComponent(text) : zoom || location.pathname + location.search);
  };

  for (const t of tables) {
    t.said = make("span", { role: "status" });
    const copy = make("button", { type: "button", onclick: () => { hand(markdown(t)); copy.textContent = "copied"; setTimeout(() => (copy.textContent = "copy as Markdown"), 1500); } }, "copy as Markdown");
    t.table.parentNode.after(make("p", { className: "note tools" }, copy, " ", t.said));
    t.heads.forEach((head, i) => {
      head.tabIndex = 0;
      head.title = "sort";
      const sort = () => {
        const down = head.ariaSort ? head.ariaSort !== "descending" : head.classList.contains("n");
        for (const h of t.heads) h.ariaSort = h === head ? (down ? "descending" : "ascending") : null;
        const key = (row) => (row.tr.cells[i].dataset.v === undefined ? row.tr.cells[i].textContent : +row.tr.cells[i].dataset.v);
        const lay = (rows) => {
          rows.sort((a, b) => {
            const x = key(a), y = key(b);
            if ((x === "") !== (y === "")) return x === "" ? 1 : -1; // what has no value stays last
            const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
            return down ? -order : order;
          });
          for (const row of rows) {
            t.table.tBodies[0].append(row.tr);
            lay(row.below);
          }
        };
        lay(t.tops);
      };
      head.onclick = sort;
      head.onkeydown = (e) => {
        if (e.key === "Enter" || e.key === " ") {
          e.preventDefault();
          sort();
        }
      };
    });
  }

  function markdown(t) {
    const cell = (c) => c.textContent.trim().replace(/\|/g, "\\|").replace(/\s+/g, " ");
    const line = (cells) => "| " + cells.join(" | ") + " |";
    const rows = [...t.table.tBodies[0].rows].filter((tr) => !tr.hidden);
    return [line(t.heads.map(cell)), line(t.heads.map((h) => (h.classList.contains("n") ? "--:" : "---"))), ...rows.map((tr) => line([...tr.cells].map(cell)))].join("\n") + "\n";
  }
  function hand(text) { // a file has no clipboard of the new kind
    const area = make("textarea", { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  // Names that the figure has too lead there.
  const zooms = new Map();
  if (window.treemap) for (const n of window.treemap.nodes) if (n.children && n.parent) zooms.set(n.name, () => window.treemap.go(n.id));
  if (window.icicle) DATA.n.forEach((name, i) => zooms.set(name, () => window.icicle.go(i + 1)));
  if (window.paths) DATA.n.forEach((name, i) => zooms.set(name, () => window.paths.go(i)));
  for (const t of tables) {
    for (const row of t.rows) {
      for (const td of row.tr.cells) {
        const zoom = td.dataset.v === undefined && zooms.get(td.textContent.trim());
        if (zoom) td.replaceChildren(make("a", { href: "#", title: "show it in the figure", onclick: (e) => { e.preventDefault(); zoom(); figure.scrollIntoView(); } }, td.textContent));
      }
    }
  }

  window.frame = { search: (text) => { input.value = text; input.dispatchEvent(new Event("input")); }, tables, markdown };
  if (!input) return;
  input.addEventListener("input", changed);
  addEventListener("keydown", (e) => {
    if (e.key === "/" && document.activeElement !== input) {
      input.focus();
      e.preventDefault();
    } else if (e.key === "Escape" && document.activeElement === input) frame.search("");
  });
  addEventListener("popstate", () => asked() !== input.value.trim() && frame.search(asked()));
  if (asked()) frame.search(asked());
});
