"use strict";
// Draws a page's document (page_document.py says what is in one). Texts go into the page as text, never as HTML.

const MAX_OUTPUT_LINES = 500;
const shownCharts = new Map();
const byId = id => document.getElementById(id);

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Makes *parent* have a child for each item. Those that are there are used again: so nothing flickers, and what is
// marked stays marked.
function fill(parent, items, tagOf, put) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  items.forEach((item, at) => {
    const tag = tagOf(item, at), found = parent.children[at];
    const isSame = found?.localName === tag;
    const node = isSame ? found : document.createElement(tag);
    if (!isSame) found ? found.replaceWith(node) : parent.append(node);
    put(node, item, at);
  });
}

function fillTiles(tiles) {
  fill(byId("tiles"), tiles, () => "div", (node, [name, value]) => {
    node.className = "tile";
    fill(node, [value, name], (_, at) => (at ? "span" : "b"), setText);
  });
}

// A name may be broken after each of its words.
function setName(node, name) {
  if (node.textContent === name) return;
  const [first, ...rest] = name.split(/(?<=_)/);
  node.replaceChildren(first ?? "", ...rest.flatMap(word => [document.createElement("wbr"), word]));
}

function fillCell(node, cell, kind) {
  node.className = kind === "text" ? "text-cell" : kind;
  if (cell.href !== undefined) return fillLink(node, cell);
  const [first, below] = Array.isArray(cell) ? cell : [cell];
  if (below === undefined) return (kind === "name" ? setName : setText)(node, first);
  if (node.textContent === first + below) return;
  const small = document.createElement("small");
  small.textContent = below;
  node.replaceChildren(first, small);
}

function fillLink(node, { text, href }) {
  const link = node.querySelector("a") ?? document.createElement("a");
  link.href = href;
  setText(link, text);
  if (!link.parentNode) node.replaceChildren(link);
}

function fillTable(node, { columns, rows }) {
  const table = node.querySelector("table") ?? node.appendChild(document.createElement("table"));
  const isTitled = columns.some(([title]) => title);
  table.className = isTitled ? "titled" : "pairs";
  fill(table, isTitled ? ["thead", "tbody"] : ["tbody"], tag => tag, () => {});
  if (isTitled) {
    fill(table.tHead, [columns], () => "tr", row => fill(row, columns, () => "th", (cell, [title, kind]) => fillCell(cell, title, kind)));
  }
  fill(table.tBodies[0], rows, () => "tr", (row, [kind, cells]) => {
    row.className = kind;
    fill(row, cells, (_, at) => (columns[at][1] === "name" ? "th" : "td"), (cell, each, at) => {
      fillCell(cell, each, columns[at][1]);
      // What a narrow page writes beside a cell, whose heads are hidden.
      cell.dataset.title = columns[at][0];
    });
  });
}

function fillChart(node, part, section, isUpdate) {
  let chart = shownCharts.get(section.id);
  if (chart?.node !== node || !node.hasChildNodes()) {
    chart = { node, drawn: new Chart(node, section.title) };
    shownCharts.set(section.id, chart);
    chart.drawn.show(part);
  } else if (isUpdate && part.x_axis.kind === "time") chart.drawn.add(part);
  else chart.drawn.show(part);
}

function fillSection(node, section, isUpdate) {
  node.id = section.id;
  node.classList.toggle("half", section.width === "half");
  fill(node, [null, ...section.parts], part => (part === null ? "h2" : "div"), (child, part) => {
    if (part === null) return setText(child, section.title);
    const kind = `part ${part.kind}`;
    if (child.className !== kind) {
      child.replaceChildren();
      child.className = kind;
    }
    if (part.kind === "text") setText(child, part.text);
    else if (part.kind === "table") fillTable(child, part);
    else fillChart(child, part, section, isUpdate);
  });
}

function fillSections(sections, isUpdate) {
  const parent = byId("sections"), old = new Map([...parent.children].map(node => [node.id, node]));
  let last = null;
  for (const section of sections) {
    const node = old.get(section.id) ?? document.createElement("section");
    old.delete(section.id);
    const next = last ? last.nextElementSibling : parent.firstElementChild;
    if (!node.parentNode || (!isUpdate && next !== node)) parent.insertBefore(node, next);
    fillSection(node, section, isUpdate);
    last = node;
  }
  if (!isUpdate) {
    for (const [id, node] of old) {
      node.remove();
      shownCharts.delete(id);
    }
  }
  // Half a row alone takes the whole row.
  let isLeft = true;
  for (const node of parent.children) {
    const isHalf = node.classList.contains("half");
    const isAlone = isHalf && isLeft && !node.nextElementSibling?.classList.contains("half");
    node.classList.toggle("alone", isAlone);
    isLeft = !isHalf || !isLeft;
  }
}

function fillLive(live, isUpdate) {
  byId("live").hidden = !live;
  if (!live) return;
  setText(byId("phase"), live.phase);
  const planned = live.planned_s ? ` of ${shownTime(live.planned_s)}` : "";
  setText(byId("elapsed"), `${shownTime(live.elapsed_s)}${planned}`);
  const output = byId("output"), list = output.querySelector("ol");
  if (!isUpdate) list.replaceChildren();
  const isAtEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 4;
  for (const line of live.output ?? []) list.appendChild(document.createElement("li")).textContent = line;
  while (list.children.length > MAX_OUTPUT_LINES) list.firstChild.remove();
  output.hidden = !list.children.length;
  if (isAtEnd) list.scrollTop = list.scrollHeight;
}

// Shows a whole document, or adds an update to what is shown.
function showDocument(page, isUpdate = false) {
  document.title = page.title;
  setText(byId("title"), page.title);
  const badge = byId("badge");
  badge.className = `badge ${page.live ? "running" : page.outcome}`;
  setText(badge, page.live ? "running" : page.badge);
  fill(byId("sentences"), page.sentences, () => "p", setText);
  fill(byId("notes"), page.notes, () => "p", (node, note) => setText(node, `note: ${note}`));
  fillLive(page.live, isUpdate);
  fillTiles(page.tiles);
  fillSections(page.sections, isUpdate);
  document.documentElement.dataset.ready = "yes";
}

// A report has its document with it.
const kept = byId("document");
if (kept) showDocument(JSON.parse(kept.textContent));
