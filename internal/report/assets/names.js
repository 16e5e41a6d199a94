// What the figures of the reference graph share: short labels, and addresses of
// what is shown. DATA has n names and p the parent's row, -1 for the tops.
const names = (() => {
  // The parts of a path; what stands in brackets is one part.
  function parts(name) {
    const out = [];
    let depth = 0, from = 0;
    for (let i = 0; i < name.length; i++) {
      const c = name[i];
      if ("<([{".includes(c)) depth++;
      else if (")]}".includes(c) || (c === ">" && name[i - 1] !== "-")) depth--;
      else if (depth === 0 && c === ":" && name[i + 1] === ":") {
        out.push(name.slice(from, i));
        from = ++i + 1;
      }
    }
    out.push(name.slice(from));
    return out;
  }
  // A row's name without the path that its parent has as well.
  function short(i) {
    const name = DATA.n[i];
    if (DATA.p[i] < 0) return name;
    const own = parts(name), above = parts(DATA.n[DATA.p[i]]);
    let same = 0;
    while (same < own.length - 1 && same < above.length && own[same] === above[same]) same++;
    return same === 0 ? name : "…::" + own.slice(same).join("::");
  }
  // Rows by their names: the second of a name is name~2.
  const known = new Map(), called = [];
  DATA.n.forEach((name, i) => {
    const before = known.get(name) ?? 0;
    known.set(name, before + 1);
    called.push(before === 0 ? name : name + "~" + (before + 1));
  });
  const rows = new Map(called.map((name, i) => [name, i]));
  const address = (i) => (i < 0 ? "" : "#" + encodeURIComponent(called[i]));
  function addressed() {
    let [name] = location.hash.slice(1).split("?q="); // what is searched for stands behind
    try {
      name = decodeURIComponent(name);
    } catch {} // typed by hand: taken as it is
    return rows.get(name) ?? -1;
  }
  // The address follows what is shown, and the way back goes through it.
  function visit(i) {
    if (addressed() !== i) {
      const [, search] = location.hash.match(/(\?q=.*)$/) ?? ["", ""];
      history.pushState(null, "", i >= 0 || search ? (address(i) || "#") + search : location.pathname + location.search);
    }
  }
  const bytes = (n) => (n < 1024 ? n + " B" : n < 1048576 ? (n / 1024).toFixed(1) + " KiB" : (n / 1048576).toFixed(2) + " MiB");
  // Rows that match all words, each item once: paths lead through one more than once.
  function find(words) {
    const all = words.toLowerCase().split(/\s+/).filter(Boolean);
    const found = { rows: [], items: 0, sum: 0 };
    if (all.length === 0) return found;
    const seen = new Set();
    DATA.n.forEach((name, i) => {
      const lower = name.toLowerCase();
      if (!all.every((w) => lower.includes(w))) return;
      found.rows.push(i);
      const item = name + " " + DATA.s[i] + " " + DATA.r[i];
      if (!seen.has(item)) {
        seen.add(item);
        found.items++;
        found.sum += DATA.s[i];
      }
    });
    return found;
  }
  const told = (found) => `${found.items.toLocaleString("en")} ${found.items === 1 ? "item matches" : "items match"}, ${bytes(found.sum)} of their own together, ${((100 * found.sum) / DATA.total).toFixed(2)} % of the file`;
  return { short, address, addressed, visit, bytes, find, told };
})();
