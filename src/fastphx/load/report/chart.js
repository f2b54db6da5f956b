"use strict";
// A chart of a page's document, drawn as SVG. Its colours are the style sheet's, so a dark page needs no other drawing.

const CHART_HEIGHT = 220, CHART_TOP = 10, CHART_RIGHT = 14, CHART_BOTTOM = 24, CHARACTER = 6.7, COLORS = 8;
const UNITS = {
  s: [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]],
  bytes: [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]],
};
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
const DAY = 86400, DATE_STEPS = [...TIME_STEPS, ...[2, 3, 5, 7, 14, 30, 91, 182, 365].map(days => days * DAY)];

// The unit that suits a value, as its size and its name.
function unitOf(unit, value) {
  const units = UNITS[unit];
  if (!units) return [1, ""];
  return units.find(([scale]) => Math.abs(value) >= 0.9995 * scale) ?? units.at(value ? -1 : 0);
}

function shownNumber(value, digits = 4) {
  return Number.isInteger(value) ? value.toLocaleString("en")
    : value.toLocaleString("en", { maximumSignificantDigits: digits });
}

function shownValue(axis, value) {
  const [scale, name] = unitOf(axis.unit, value);
  return name ? `${shownNumber(value / scale, 3)} ${name}` : shownNumber(value);
}

function shownTime(seconds) {
  const pad = number => String(number).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds % 60)];
  return h ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

// Seconds since 1970, as ISO 8601 in UTC.
function shownDate(seconds) {
  return new Date(1000 * seconds).toISOString().slice(0, 16).replace("T", " ");
}

function shownDay(seconds) {
  return new Date(1000 * seconds).toLocaleDateString("en", { timeZone: "UTC", month: "short", day: "numeric" });
}

function shownX(axis, x) {
  if (axis.kind === "date") return `${shownDate(x)} UTC`;
  if (axis.kind === "time") return shownTime(x);
  if (axis.kind === "percentile") return `${shownNumber(100 - 100 / x, 8)} %`;
  return `${shownNumber(x)} ${axis.title}`;
}

// The step that makes about *count* of *span*; a small one is a round number.
function niceStep(span, count) {
  const raw = span / count, power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, power < 10 ? 5 : 2.5, 5, 10].find(each => each * power >= raw * 0.999);
}

// The first of some steps that makes at most *count* of *span*, or so many of the last.
function stepOf(steps, span, count) {
  return steps.find(each => span / each <= count) ?? Math.ceil(span / count / steps.at(-1)) * steps.at(-1);
}

// A scale: where a value is, from 0 to 1, and its ticks as [value, label].
function linearScale(low, high, step, label) {
  const first = Math.floor(low / step + 1e-9), last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
  const ticks = Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
  return { at: value => (value / step - first) / (last - first), ticks: ticks.map(value => [value, label(value)]) };
}

function logScale(low, high, ticks) {
  const span = Math.log(high / low) || 1;
  return { at: value => Math.log(Math.max(value, low) / low) / span, ticks: ticks.filter(([value]) => value <= high * 1.001) };
}

function xScale(axis, values, width) {
  const high = Math.max(...values), low = Math.min(0, ...values);
  if (axis.kind === "percentile") {
    const powers = Array.from({ length: Math.ceil(Math.log10(high)) + 1 }, (_, power) => 10 ** power);
    const label = value => (100 - 100 / value).toFixed(Math.max(0, Math.round(Math.log10(value)) - 2));
    return logScale(1, high, [1, 2, ...powers.slice(1)].map(value => [value, label(value)]));
  }
  if (axis.kind === "number") {
    const step = niceStep(high || 1, Math.max(2, width / 110));
    return { at: value => value / (high || 1), ticks: linearScale(0, high, step, shownNumber).ticks.filter(([x]) => x <= high) };
  }
  if (axis.kind === "date") return dateScale(Math.min(...values), high, Math.max(2, width / 70));
  const room = Math.max(2, width / 70), step = stepOf(TIME_STEPS, high - low, room);
  const ticks = [];
  for (let x = Math.ceil(low / step) * step; x <= high; x += step) ticks.push([x, shownTime(x)]);
  return { at: value => (value - low) / (high - low || 1), ticks };
}

// A tick is a time of day, or at midnight a day.
function dateScale(low, high, room) {
  if (low === high) return { at: () => 0.5, ticks: [[low, shownDate(low)]] };
  const step = stepOf(DATE_STEPS, high - low, room), ticks = [];
  for (let x = Math.ceil(low / step) * step; x <= high; x += step) {
    ticks.push([x, x % DAY ? shownDate(x).slice(11) : shownDay(x)]);
  }
  return { at: value => (value - low) / (high - low), ticks };
}

// The y scale, and its unit.
function yScale(axis, values) {
  const high = Math.max(0, ...values), low = Math.min(0, ...values);
  const above = values.filter(value => value > 0);
  if (axis.log && above.length) {
    const bottom = 10 ** Math.floor(Math.log10(Math.min(...above)) + 1e-9);
    const top = Math.max(10 ** Math.ceil(Math.log10(high) - 1e-9), bottom * 10);
    const ticks = [];
    for (let power = bottom; power <= top * 1.001; power *= 10) ticks.push([power, shownValue(axis, power)]);
    return [logScale(bottom, top, ticks), "log scale"];
  }
  const [scale, name] = unitOf(axis.unit, Math.max(high, -low));
  const step = high > low ? niceStep((high - low) / scale, 4) * scale : 1;
  return [linearScale(low, high, step, value => shownNumber(value / scale, 6)), name || axis.title];
}

function svgNode(parent, name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return parent.appendChild(node);
}

class Chart {
  constructor(parent, title) {
    this.hidden = new Set();
    const head = parent.appendChild(document.createElement("div"));
    this.legend = head.appendChild(document.createElement("div"));
    this.unit = head.appendChild(document.createElement("div"));
    head.className = "head";
    this.legend.className = "legend";
    this.svg = svgNode(parent, "svg", { height: CHART_HEIGHT, role: "img", "aria-label": title });
    this.values = parent.appendChild(document.createElement("div"));
    this.values.className = "values";
    this.values.hidden = true;
    this.svg.addEventListener("pointermove", event => this.point(event));
    this.svg.addEventListener("pointerdown", event => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.point(null));
    new ResizeObserver(() => this.svg.clientWidth !== this.width && this.draw()).observe(this.svg);
  }

  show(chart) {
    this.chart = chart;
    this.drawLegend();
    this.draw();
  }

  // Adds the points of *chart* to those that are there: from its first one on they are new.
  add(chart) {
    const old = this.chart, from = chart.x.length ? chart.x[0] : Infinity;
    const kept = old.x.filter(x => x < from).length, none = length => Array(length).fill(null);
    const of = (part, name) => part.lines.find(line => line.name === name)?.y;
    const names = new Set([...old.lines, ...chart.lines].map(line => line.name));
    const lines = [...names].map(name =>
      ({ name, y: [...of(old, name)?.slice(0, kept) ?? none(kept), ...of(chart, name) ?? none(chart.x.length)] }));
    const marks = [...old.marks.filter(x => x < from), ...chart.marks];
    this.show({ ...chart, x: [...old.x.slice(0, kept), ...chart.x], lines, marks });
  }

  // The lines that have anything to see, each with the number of its colour.
  get lines() {
    const lines = this.chart.lines.map((line, number) => ({ x: this.chart.x, ...line, color: number % COLORS }));
    const seen = lines.filter(line => line.y.some(value => value));
    return seen.length ? seen : lines.slice(0, 1);
  }

  drawLegend() {
    const isNamed = this.chart.lines.length > 1 && this.lines.some(line => line.y.some(value => value !== null));
    const lines = isNamed ? this.lines : [];
    while (this.legend.children.length > lines.length) this.legend.lastChild.remove();
    lines.forEach((line, at) => {
      const button = this.legend.children[at] ?? this.legend.appendChild(this.legendButton());
      button.className = `c${line.color}`;
      button.textContent === line.name || (button.textContent = line.name);
      button.setAttribute("aria-pressed", !this.hidden.has(line.name));
    });
  }

  legendButton() {
    const button = document.createElement("button");
    button.type = "button";
    button.addEventListener("click", () => {
      const name = button.textContent;
      this.hidden.has(name) ? this.hidden.delete(name) : this.hidden.add(name);
      this.drawLegend();
      this.draw();
    });
    return button;
  }

  draw() {
    this.width = this.svg.clientWidth;
    this.svg.replaceChildren();
    this.scaled = null;
    if (!this.chart || !this.width) return;
    const { x_axis: xAxis, y_axis: yAxis, marks } = this.chart;
    const lines = this.lines.filter(line => !this.hidden.has(line.name));
    const ys = lines.flatMap(line => line.y).filter(value => value !== null), xs = lines.flatMap(line => line.x);
    if (!ys.length) {
      svgNode(this.svg, "text", { x: this.width / 2, y: CHART_HEIGHT / 2, "text-anchor": "middle" }, "no values");
      return;
    }
    const [y, unit] = yScale(yAxis, [...ys, ...lines.flatMap(line => (line.dots ?? []).map(dot => dot[1]))]);
    const left = 8 + CHARACTER * Math.max(...y.ticks.map(([, label]) => label.length));
    const right = this.width - CHART_RIGHT, bottom = CHART_HEIGHT - CHART_BOTTOM;
    const x = xScale(xAxis, xs, right - left);
    const px = value => left + (right - left) * x.at(value), py = value => bottom - (bottom - CHART_TOP) * y.at(value);
    for (const [value, label] of y.ticks) {
      svgNode(this.svg, "line", { class: "grid", x1: left, x2: right, y1: py(value), y2: py(value) });
      svgNode(this.svg, "text", { x: left - 6, y: py(value) + 4, "text-anchor": "end" }, label);
    }
    this.unit.textContent = unit;
    this.drawTicks(x.ticks, px);
    for (const mark of marks) svgNode(this.svg, "line", { class: "mark", x1: px(mark), x2: px(mark), y1: CHART_TOP, y2: bottom });
    for (const line of lines) this.drawLine(line, px, py);
    this.scaled = { lines, px, py, left, right, bottom };
    this.drawValues();
  }

  // The labels below the chart, of those that have room.
  drawTicks(ticks, px) {
    let from = -Infinity;
    for (const [value, label] of ticks) {
      const half = CHARACTER * label.length / 2, x = Math.min(px(value), this.width - half);
      if (x - half < from) continue;
      svgNode(this.svg, "text", { x, y: CHART_HEIGHT - 6, "text-anchor": "middle" }, label);
      from = x + half + 8;
    }
  }

  drawLine(line, px, py) {
    const group = svgNode(this.svg, "g", { class: `c${line.color}` });
    let path = "", run = 0;
    line.y.forEach((value, at) => {
      if (value === null) { run = 0; return; }
      const [x, y] = [px(line.x[at]).toFixed(1), py(value).toFixed(1)];
      path += `${run ? "L" : "M"}${x},${y}`;
      run += 1;
      // A value between two gaps has no line: it is a dot.
      if (run === 1 && (line.y[at + 1] ?? null) === null) svgNode(group, "circle", { cx: x, cy: y, r: 2 });
    });
    svgNode(group, "path", { d: path });
    for (const [x, y, held, told] of line.dots ?? []) {
      const dot = svgNode(group, "circle", { cx: px(x), cy: py(y), r: 4, class: held ? "" : "open" });
      svgNode(dot, "title", {}, told);
    }
  }

  point(event) {
    this.at = event && event.clientX - this.svg.getBoundingClientRect().left;
    this.drawValues();
  }

  // The values where the pointer is.
  drawValues() {
    this.svg.querySelector(".pointed")?.remove();
    const isPointed = this.scaled !== null && typeof this.at === "number";
    this.values.hidden = !isPointed;
    if (!isPointed) return;
    const { lines, px, py, bottom } = this.scaled;
    const found = lines.filter(line => line.x.length).map(line => {
      const distance = line.x.map(x => Math.abs(px(x) - this.at)), at = distance.indexOf(Math.min(...distance));
      return { line, x: line.x[at], y: line.y[at], distance: distance[at] };
    });
    const nearest = found.reduce((best, each) => (each.distance < best.distance ? each : best));
    const group = svgNode(this.svg, "g", { class: "pointed" }), guide = px(nearest.x);
    svgNode(group, "line", { class: "guide", x1: guide, x2: guide, y1: CHART_TOP, y2: bottom });
    this.values.replaceChildren(shownX(this.chart.x_axis, nearest.x));
    for (const { line, x, y } of found) {
      if (y !== null) svgNode(group, "circle", { class: `c${line.color}`, cx: px(x), cy: py(y), r: 2.5 });
      const row = this.values.appendChild(document.createElement("span")), value = document.createElement("b");
      row.className = `c${line.color}`;
      value.textContent = y === null ? "–" : shownValue(this.chart.y_axis, y);
      row.append(line.name, value);
    }
    const room = this.values.offsetWidth, isRight = guide + 12 + room <= this.width;
    this.values.style.left = `${isRight ? guide + 12 : Math.max(0, guide - 12 - room)}px`;
  }
}
