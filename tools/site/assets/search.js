// The search of the manual: sections that have every word, those first that have
// them in a heading. "/" goes to it, arrows move, and #search=words searches.
(() => {
  const up = document.currentScript.dataset.up;
  const field = document.getElementById("search");
  const list = document.getElementById("found");
  const most = 12;

  const score = (entry, words) => {
    const heading = (entry.Heading + " " + entry.Page).toLowerCase();
    const text = entry.Text.toLowerCase();
    let total = 0;
    for (const word of words) {
      if (entry.Heading.toLowerCase().includes(word)) total += 10;
      else if (heading.includes(word)) total += 4;
      else if (text.includes(word)) total += 1;
      else return 0;
    }
    return total;
  };

  const around = (text, word) => {
    const at = Math.max(text.toLowerCase().indexOf(word) - 50, 0);
    return (at > 0 ? "…" : "") + text.slice(at, at + 150) + (at + 150 < text.length ? "…" : "");
  };

  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    list.replaceChildren();
    list.hidden = words.length === 0;
    if (list.hidden) return;
    const hits = minsizeIndex.map((entry) => [score(entry, words), entry]).filter(([n]) => n > 0);
    hits.sort((a, b) => b[0] - a[0]); // stable: pages stay in their order
    for (const [, entry] of hits.slice(0, most)) {
      const link = document.createElement("a");
      link.href = up + entry.To;
      link.textContent = entry.Heading === entry.Page || !entry.Heading ? entry.Page : entry.Page + " › " + entry.Heading;
      const rest = document.createElement("small");
      rest.textContent = around(entry.Text, words[0]);
      link.append(rest);
      const row = document.createElement("li");
      row.append(link);
      list.append(row);
    }
    const said = document.createElement("p");
    said.textContent = hits.length === 0 ? "No section has all of these words." : hits.length > most ? `${hits.length} sections; more words find fewer.` : "";
    if (said.textContent) list.append(said);
  };

  field.addEventListener("input", show);
  document.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "/" && document.activeElement !== field) {
      field.focus();
      event.preventDefault();
    } else if (event.key === "Escape") {
      field.value = "";
      show();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !list.hidden && links.length > 0) {
      const next = at + (event.key === "ArrowDown" ? 1 : -1);
      (next < 0 ? field : links[Math.min(next, links.length - 1)]).focus();
      event.preventDefault();
    } else if (event.key === "Enter" && document.activeElement === field && links.length > 0) {
      links[0].click();
    }
  });
  list.addEventListener("click", () => setTimeout(() => { list.hidden = true; }));
  if (location.hash.startsWith("#search=")) {
    field.value = decodeURIComponent(location.hash.slice("#search=".length).replaceAll("+", " "));
    show();
  }
})();
