// One cell, or one number with its seeds. `cell.html#KEY` names a cell, `cell.html#TABLE/INDEX` a
// number and `…/SEED` one of its seeds. Data come as scripts, since a page from the disk may read
// nothing else; each is read once, when it is needed. Everything is set as text, never as markup.
"use strict";

const place = document.getElementById("cell");
const digits = Number(place.dataset.digits);
const loaded = new Map();
const waiting = new Map();

/** Called by each data file. */
function bench(name, content) { // eslint-disable-line no-unused-vars
  waiting.get(name)?.(content);
}

function load(name) {
  if (!loaded.has(name)) {
    loaded.set(name, new Promise((resolve, reject) => {
      waiting.set(name, resolve);
      const script = document.createElement("script");
      script.src = `${name}.js`;
      script.onerror = () => reject(new Error(`${name}.js is not in this folder`));
      document.head.append(script);
    }));
  }
  return loaded.get(name);
}

function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const text = (value) => typeof value === "object" ? JSON.stringify(value) : String(value);
const short = (value) => Number(Number(value).toPrecision(4)).toString();
const link = (key, words) => el("a", { href: `#${key}` }, words ?? el("code", {}, key));

function section(title, ...content) {
  const id = title.toLowerCase().replaceAll(" ", "-");
  return el("section", { "aria-labelledby": id }, el("h2", { id }, title), ...content);
}

function pairs(entries) {
  const list = el("dl");
  for (const [name, value] of entries) {
    if (value === undefined || value === "") continue;
    list.append(el("div", {}, el("dt", {}, name), el("dd", {}, value instanceof Node ? value : text(value))));
  }
  return list;
}

function code(words) {
  return el("pre", { tabindex: "0", role: "group", "aria-label": "Command" }, el("code", {}, words));
}

// Charts: uPlot draws, a sentence says what is seen.

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axis() {
  return {
    stroke: colour("--text"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") },
    values: (_, values) => values.map((value) => value === null ? "" : short(value)),
  };
}

function chart(title, data, series, height, label, options = {}) {
  const box = el("div", { role: "img", "aria-label": label });
  const figure = el("figure", { class: "chart" }, el("figcaption", {}, title), box);
  // Drawn once it has its place, which is when its width is known.
  requestAnimationFrame(() => {
    const size = () => ({ width: Math.max(220, box.clientWidth), height });
    const plot = new uPlot({
      ...size(), series: [{}, ...series], axes: [axis(), axis()], legend: { show: false },
      cursor: { show: false }, scales: { x: { time: false } }, ...options,
    }, data, box);
    new ResizeObserver(() => plot.setSize(size())).observe(box);
  });
  return figure;
}

function curve(name, [steps, values]) {
  const label = `${name}: ${short(values[0])} at step ${short(steps[0])}, ` +
    `${short(values.at(-1))} at step ${short(steps.at(-1))}, ${values.length} points, ` +
    `between ${short(Math.min(...values))} and ${short(Math.max(...values))}`;
  const points = { show: values.length < 30, size: 5 };
  return chart(name, [steps, values], [{ stroke: colour("--accent"), width: 1.5, points }], 180, label);
}

function strip(number) {
  const there = number.seeds.filter((one) => one[1] !== null);
  if (!there.length) return null;
  const [x, y] = [there.map((one) => one[0]), there.map((one) => one[1])];
  const points = { stroke: colour("--accent"), width: 0, paths: () => null, points: { show: true, size: 9, fill: colour("--accent") } };
  const line = (name, dash) => ({ stroke: colour(name), width: 1.5, dash, points: { show: false } });
  // A line through a single seed needs two ends.
  const ends = x.length > 1 ? x : [x[0], x[0] + 1];
  const pad = (values) => ends.map((_, i) => values[i] ?? null);
  const level = (value) => ends.map(() => value ?? null);
  const label = `${number.metric} by seed: ` + there.map((one) => `seed ${one[0]}: ${short(one[1])}`).join(", ");
  const all = [...y, ...(number.printed === undefined ? [] : [number.printed])];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const room = (high - low || Math.abs(high) || 1) * 0.15;
  const scales = { x: { time: false, range: [Math.min(...x) - 0.5, Math.max(...x) + 0.5] }, y: { range: [low - room, high + room] } };
  const series = [points, line("--accent"), line("--published", [6, 4])];
  const title = `${number.metric} by seed${number.unit ? ` (${number.unit})` : ""}: points; mean: line` +
    (number.printed === undefined ? "" : "; published: dashed");
  return chart(title, [ends, pad(y), level(number.mean), level(number.printed)], series, 200, label, { scales, axes: [{ ...axis(), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] }, axis()] });
}

// The parts of the page.

function header(number, stem, index, chosen) {
  const rows = number.seeds.map(([seed, value, state, keys]) => {
    const row = el("tr", {}, el("th", { scope: "row" }, link(`${stem}/${index}/${seed}`, `seed ${seed}`)),
      el("td", { class: "n" }, value === null ? "" : short(value)), el("td", {}, state),
      el("td", {}, ...keys.flatMap((key) => [link(key, el("code", {}, key.slice(0, 8))), " "])));
    if (seed === chosen) row.setAttribute("aria-current", "true");
    return row;
  });
  const head = ["Seed", `${number.metric}${number.unit ? ` (${number.unit})` : ""}`, "State", "Cells"];
  const facts = pairs([
    ["measured", number.measured], ["published", number.published], ["published in", number.source],
    ["verdict", number.verdict], ["because", number.reason],
  ]);
  const body = el("table", { class: "seeds" },
    el("thead", {}, el("tr", {}, ...head.map((word) => el("th", { scope: "col" }, word)))),
    el("tbody", {}, ...rows));
  return section("Seeds", facts, strip(number),
    el("div", { class: "wide", role: "group", "aria-label": "Seeds", tabindex: "0" }, body));
}

function matrix(found) {
  const head = found.matched.map((match) => el("th", { scope: "col" }, match === null ? "–" : String(match)));
  const rows = found.percent.map((row, i) => el("tr", {}, el("th", { scope: "row" }, String(found.classes[i])),
    ...row.map((value) => {
      const field = el("td", {}, value >= 0.5 ? value.toFixed(0) : "");
      field.style.setProperty("--share", `${value}%`);
      return field;
    })));
  const table = el("table", { class: "matrix" }, el("caption", {}, "Percent of each class (row) in each cluster (column, by the class that it is matched to)"),
    el("thead", {}, el("tr", {}, el("td"), ...head)), el("tbody", {}, ...rows));
  return section("Confusion", el("div", { class: "wide", role: "group", "aria-label": "Confusion", tabindex: "0" }, table));
}

function log(title, found) {
  const more = found.more ? el("p", { class: "notes" }, "The end of it; what is before is in the cell's folder.") : null;
  return section(title, more, el("pre", { tabindex: "0", role: "group", "aria-label": title }, found.text));
}

function record(cell) {
  const size = (bytes) => bytes === undefined ? undefined : `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const seconds = (value) => value === undefined ? undefined : `${short(value)} s`;
  const versions = Object.entries(cell.versions ?? {}).map(([name, version]) => `${name} ${version}` + (cell.here?.[name] ? ` (here ${cell.here[name]})` : ""));
  const parts = [
    section("How to get it", el("p", {}, "Print it:"), code(cell.show),
      el("p", {}, cell.again), code(cell.run)),
  ];
  if (cell.metrics) parts.unshift(section("Metrics", pairs(Object.entries(cell.metrics).map(([name, value]) => [name, short(value)]))));
  if (cell.failure) parts.unshift(section("Failure", el("p", { class: "failed" }, `${cell.failure}: ${cell.message ?? ""}`)));
  if (cell.lacks) parts.unshift(section("Lacks", el("ul", {}, ...cell.lacks.map((one) => el("li", {}, one)))));
  if (cell.traceback) parts.push(log("Traceback", cell.traceback));
  const curves = Object.entries(cell.traces ?? {});
  if (curves.length) parts.push(section("Learning curves", el("div", { class: "charts" }, ...curves.map(([name, both]) => curve(name, both)))));
  if (cell.traces_damaged) parts.push(section("Learning curves", el("p", { class: "failed" }, "The stored curves are damaged.")));
  if (cell.matrix) parts.push(matrix(cell.matrix));
  parts.push(
    section("Parameters", pairs([...Object.entries(cell.setting).map(([name, value]) => [`task: ${name}`, value]), ...Object.entries(cell.params)])),
    section("Provenance", pairs([
      ["key", el("code", {}, cell.key)], ["folder", cell.folder && `runs/${cell.folder}`], ["started", cell.started],
      ["wall time", seconds(cell.wall_seconds)], ["processor time", seconds(cell.cpu_seconds)],
      ["memory", size(cell.peak_memory)], ["device memory", size(cell.peak_device_memory)],
      ["computed together with", cell.group > 1 ? `${cell.group - 1} other seeds` : undefined],
      ["resumed from a checkpoint", cell.resumed && "yes"], ["device", `${cell.device}, ${cell.dtype}, ${cell.threads} thread(s)`],
      ["hardware", cell.hardware], ["versions", versions.join(", ")],
      ["commit", cell.commit && cell.commit + (cell.dirty ? ", with changes" : "")],
      ["part of the data", cell.partial_data], ["data", cell.data], ["code", cell.code], ["scoring", cell.scoring],
      ["output", cell.output], ["curves", cell.curves], ["snapshots", cell.snapshots], ["checksum", cell.checksum],
    ])));
  if (cell.needs.length) parts.push(section("Needs", pairs(cell.needs.map(([role, key]) => [role, link(key)]))));
  if (cell.numbers?.length) {
    parts.push(section("Where it counts", el("ul", {}, ...cell.numbers.map(([stem, index, words]) => el("li", {}, link(`${stem}/${index}/${cell.seed}`, words))))));
  }
  if (cell.log) parts.push(log("Log", cell.log));
  return parts;
}

async function show() {
  const named = decodeURIComponent(location.hash.slice(1));
  const asNumber = /^([A-Za-z0-9][A-Za-z0-9.-]*)\/(\d+)(?:\/(\d+))?$/.exec(named);
  const parts = [];
  try {
    let key = named;
    let title = null;
    if (asNumber) {
      const [, stem, index] = asNumber;
      const { page, name, numbers } = await load(`numbers/${stem}`);
      const number = numbers[Number(index)];
      if (!number) throw new Error(`table ${stem} has no number ${index}`);
      const seeds = number.seeds;
      const wanted = asNumber[3] === undefined ? (seeds.find((one) => one[1] !== null) ?? seeds[0])?.[0] : Number(asNumber[3]);
      parts.push(el("p", { class: "lead" }, el("a", { href: `tables/${page}.html` }, name), ` · ${number.place} · ${number.metric}`),
        header(number, stem, index, wanted));
      key = seeds.find((one) => one[0] === wanted)?.[3][0];
      title = `${number.place}: ${number.metric}`;
    }
    if (!/^[0-9a-f]{16}$/.test(key ?? "")) {
      if (named && !asNumber) throw new Error("the address names no cell: cell.html#KEY has sixteen digits");
      if (!parts.length) return;
    } else {
      const cell = (await load(`cells/${key.slice(0, digits)}`))[key];
      if (!cell) throw new Error(`no cell ${key} in this report`);
      const name = `${cell.method} on ${cell.task}, seed ${cell.seed}`;
      const said = el("p", {}, el("span", { class: `chip ${cell.state}` }, cell.state), ` ${cell.preset} preset · `, link(key));
      parts.push(...(asNumber ? [el("h2", { class: "cell-name" }, name), said] : [said]), ...record(cell));
      title = title ?? name;
    }
    document.title = `${title} · bench`;
    place.replaceChildren(el("h1", {}, title), ...parts);
  } catch (error) {
    place.replaceChildren(el("h1", {}, "No such cell"), el("p", { class: "failed", role: "alert" }, error.message));
  }
}

addEventListener("hashchange", () => show().then(() => { scrollTo(0, 0); document.getElementById("main").focus(); }));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
show();
