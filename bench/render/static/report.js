// Sorting (tablesort) and filters of the report's tables. All text is in the page already.
"use strict";

for (const table of document.querySelectorAll("table.sortable")) {
  new Tablesort(table);
  // A button in each head: reached and pressed by keyboard as any other, and named by screen readers.
  for (const head of table.tHead.rows[0].cells) {
    head.removeAttribute("tabindex");
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
  }
}

for (const form of document.querySelectorAll("form.filters")) {
  const rows = [...document.getElementById(form.dataset.for).tBodies[0].rows];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const said = form.querySelector("output");
  const fields = [...form.elements].filter((one) => one.name);

  const filter = () => {
    const wanted = fields.filter((one) => one.value);
    let shown = 0;
    rows.forEach((row, i) => {
      row.hidden = !wanted.every((one) => one.name === "text"
        ? texts[i].includes(one.value.toLowerCase())
        : row.dataset[one.name].split("\n").includes(one.value));
      shown += row.hidden ? 0 : 1;
    });
    said.textContent = shown === rows.length ? `${shown} numbers` : `${shown} of ${rows.length} numbers`;
    // The address names what is shown, so that it can be sent to somebody.
    const words = new URLSearchParams(wanted.map((one) => [one.name, one.value]));
    history.replaceState(null, "", wanted.length ? `#${words}` : location.pathname);
  };

  const named = new URLSearchParams(location.hash.slice(1));
  for (const one of fields) if (named.has(one.name)) one.value = named.get(one.name);
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  if (fields.some((one) => one.value)) filter();
}
