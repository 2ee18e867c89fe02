"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const versions = [...new Set(data.traffic.seconds.flatMap((s) => Object.keys(s.answers)))].sort();
const color = (version) => `var(--v${Number(String(version).replace("v", "")) || 0})`;
const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
const number = (n) => n.toLocaleString("en-US");
const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);

function make(parent, name, attributes = {}, text = null) {
  const element = parent.namespaceURI === SVG || name === "svg"
    ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

const tip = make(document.body, "div", { class: "tip" });
function showTip(event, text) {
  tip.textContent = text;
  tip.style.opacity = 1;
  const left = event.clientX + 14 + tip.offsetWidth > innerWidth ? event.clientX - tip.offsetWidth - 10 : event.clientX + 14;
  tip.style.left = `${left}px`;
  tip.style.top = `${event.clientY + 12}px`;
}
const hideTip = () => { tip.style.opacity = 0; };

function head() {
  const clients = data.summary.clients;
  document.getElementById("lead").textContent =
    "A canary is judged on live requests: good versions are promoted, a bug and a slowness are rolled back, and what " +
    "was rolled back stays out. " + (data.summary.succeeded ? "Everything ended as it should." : "Not everything ended as it should.");
  const planted = sum(clients.failed) - clients.failedUnexpectedly;
  const tiles = [
    ["client requests", number(clients.requests)], ["connections", number(clients.connections)],
    ["failed by the planted bugs", number(planted)], ["failed for any other reason", number(clients.failedUnexpectedly)],
    ["the whole demo", clock(data.summary.seconds.total ?? 0)],
  ];
  for (const [name, value] of tiles) {
    const tile = make(document.getElementById("tiles"), "div");
    make(tile, "dt", {}, name);
    make(tile, "dd", name.endsWith("other reason") ? { class: value === "0" ? "good" : "bad" } : {}, value);
  }
  for (const trouble of data.summary.troubles) make(document.getElementById("troubles"), "li", {}, trouble);
}

function legend() {
  const list = document.getElementById("legend");
  const entries = [...versions.map((v) => [v, color(v)]), ["failed, by a planted bug", "var(--bad)"]];
  for (const [name, paint] of entries) {
    const item = make(list, "li");
    make(item, "i", { style: `background:${paint}` });
    item.append(name);
  }
  make(list, "li", {}, "— weight of the canary, as its pods or a gateway make it");
}

function timeline() {
  const svg = document.getElementById("timeline");
  svg.replaceChildren();
  const width = Math.max(320, svg.parentElement.clientWidth - 20);
  const box = { left: 44, right: width - 40, top: 34, bottom: 250, fails: 262, floor: 292 };
  const seconds = data.traffic.seconds, first = data.traffic.from, last = first + seconds.length;
  const most = Math.max(10, ...seconds.map((s) => sum(s.answers)));
  const x = (at) => box.left + ((at - first) / Math.max(1, last - first)) * (box.right - box.left);
  const y = (count) => box.bottom - (count / most) * (box.bottom - box.top);
  const weightY = (percent) => box.bottom - (percent / 100) * (box.bottom - box.top);
  svg.setAttribute("viewBox", `0 0 ${width} 330`);
  svg.setAttribute("height", 330);
  bands(svg, x, box, first);
  ticks(svg, box, most, y, weightY, width);
  areas(svg, seconds, first, x, y);
  weightLine(svg, x, weightY, first);
  failures(svg, x, box);
  timeAxis(svg, x, box, first, last);
  hover(svg, seconds, first, x, box, width);
}

function bands(svg, x, box, first) {
  for (const [index, episode] of data.episodes.entries()) {
    const from = x(Math.max(first, episode.from)), to = x(episode.to);
    if (index % 2) make(svg, "rect", { x: from, y: 4, width: Math.max(0, to - from), height: box.floor - 4, fill: "var(--grid)", opacity: .6 });
    const room = to - from;
    if (room > 20) make(svg, "text", { x: from + 4, y: 17, class: "strong" }, `v${episode.version}`);
    if (room > 90) make(svg, "text", { x: from + 26, y: 17 }, episode.outcome);
  }
}

function ticks(svg, box, most, y, weightY, width) {
  const step = most > 60 ? 20 : 10;
  for (let count = 0; count <= most; count += step) {
    make(svg, "line", { x1: box.left, x2: box.right, y1: y(count), y2: y(count), class: "grid" });
    make(svg, "text", { x: box.left - 6, y: y(count) + 4, "text-anchor": "end" }, String(count));
  }
  for (const percent of [0, 50, 100]) make(svg, "text", { x: box.right + 6, y: weightY(percent) + 4 }, `${percent} %`);
  make(svg, "text", { x: 2, y: 30 }, "answers/s");
  make(svg, "text", { x: width - 2, y: 30, "text-anchor": "end" }, "weight");
}

function areas(svg, seconds, first, x, y) {
  const base = seconds.map(() => 0);
  for (const version of versions) {
    const up = [], down = [];
    seconds.forEach((s, i) => {
      const bottom = base[i], top = bottom + (s.answers[version] ?? 0);
      base[i] = top;
      up.push(`${x(first + i)},${y(top)}`, `${x(first + i + 1)},${y(top)}`);
      down.unshift(`${x(first + i + 1)},${y(bottom)}`, `${x(first + i)},${y(bottom)}`);
    });
    make(svg, "polygon", { points: [...up, ...down].join(" "), fill: color(version), opacity: .82 });
  }
}

function weightLine(svg, x, weightY, first) {
  for (const rollout of data.weights) {
    const points = [];
    let before = 0;
    for (const { at, percent } of rollout) {
      const where = x(Math.max(first, at));
      points.push(`${where},${weightY(before)}`, `${where},${weightY(percent)}`);
      before = percent;
    }
    make(svg, "polyline", { points: points.join(" "), fill: "none", stroke: "var(--card)", "stroke-width": 4 });
    make(svg, "polyline", { points: points.join(" "), fill: "none", stroke: "var(--ink)", "stroke-width": 1.6 });
  }
}

function failures(svg, x, box) {
  make(svg, "text", { x: box.left - 6, y: box.fails + 18, "text-anchor": "end" }, "failed");
  for (const failure of data.failures) {
    const at = x(failure.at);
    const mark = make(svg, "line", {
      x1: at, x2: at, y1: box.fails + (failure.planted ? 6 : 0), y2: box.floor - 6,
      stroke: "var(--bad)", "stroke-width": failure.planted ? 1.4 : 3,
    });
    make(mark, "title", {}, `${clock(failure.at)} ${failure.cause}`);
  }
}

function timeAxis(svg, x, box, first, last) {
  make(svg, "line", { x1: box.left, x2: box.right, y1: box.floor, y2: box.floor, class: "axis" });
  const step = last - first > 240 ? 60 : 30;
  for (let at = Math.ceil(first / step) * step; at <= last; at += step) {
    make(svg, "line", { x1: x(at), x2: x(at), y1: box.floor, y2: box.floor + 4, class: "axis" });
    make(svg, "text", { x: x(at), y: box.floor + 17, "text-anchor": "middle" }, clock(at));
  }
}

function hover(svg, seconds, first, x, box, width) {
  const line = make(svg, "line", { y1: 22, y2: box.floor, stroke: "var(--soft)", opacity: 0 });
  const area = make(svg, "rect", { x: box.left, y: 0, width: box.right - box.left, height: box.floor, fill: "transparent" });
  area.addEventListener("pointermove", (event) => {
    const place = svg.getBoundingClientRect();
    const inside = ((event.clientX - place.left) / place.width) * width;
    const index = Math.floor(((inside - box.left) / (box.right - box.left)) * seconds.length);
    const second = seconds[index];
    if (!second) return;
    for (const end of ["x1", "x2"]) line.setAttribute(end, x(first + index + .5));
    line.setAttribute("opacity", 1);
    const rows = versions.filter((v) => second.answers[v]).map((v) => {
      const slow = second.slow[v] ? `, ${second.slow[v]} slower than ${data.slowMs} ms` : "";
      return `${v}: ${second.answers[v]} answers${slow}`;
    });
    const failed = sum(second.failed);
    showTip(event, [clock(first + index), ...rows, ...(failed ? [`${failed} failed`] : [])].join("\n"));
  });
  area.addEventListener("pointerleave", () => { line.setAttribute("opacity", 0); hideTip(); });
}

function cards() {
  const names = {
    fromFirstTrafficToVerdict: "first traffic → verdict",
    fromVerdictToRoutingChange: "verdict → routing change",
    fromFirstBadAnswerToRoutingChange: "first bad → routing change",
    fromFirstBadAnswerToLastCanaryAnswer: "first bad → last canary answer",
    whole: "the whole rollout",
  };
  for (const episode of data.episodes) {
    const card = make(document.getElementById("cards"), "article", { class: "card", style: `--own:${color(episode.version)}` });
    const fine = episode.expected && !episode.failedUnexpectedly;
    make(card, "span", { class: `verdict ${fine ? "good" : "bad"}` }, fine ? episode.outcome : `${episode.outcome}: unexpected`);
    make(card, "h3", {}, `${episode.title}`);
    make(card, "p", { class: "said" }, episode.message ? `${episode.name}: ${episode.message}` : episode.name);
    const list = make(card, "dl");
    const add = (name, value) => { make(list, "dt", {}, name); make(list, "dd", {}, value); };
    if (episode.canaryRequests !== null) add("canary requests to verdict", number(episode.canaryRequests));
    for (const check of episode.checks) {
      if (!check.canaryRequests) continue;
      const ofCanary = `${check.canaryBad ?? 0} of ${number(check.canaryRequests)}`;
      const ofStable = `${check.stableBad ?? 0} of ${number(check.stableRequests ?? 0)}`;
      add(check.name === "latency" ? "slow: canary · stable" : `${check.name}: canary · stable`, `${ofCanary} · ${ofStable}`);
      if (check.statistic) add("log-evidence · bound", `${check.statistic} · ${check.bound}`);
    }
    if (episode.split) add("weight · measured", `${episode.split.weight} % · ${episode.split.measured} % of ${number(episode.split.requests)}`);
    for (const [key, name] of Object.entries(names)) if (key in episode.seconds) add(name, `${episode.seconds[key]} s`);
    add("client requests", number(episode.clientRequests));
    for (const [cause, count] of Object.entries(episode.failed)) add(`failed: ${cause}`, number(count));
  }
}

function curves() {
  for (const curve of data.curves) {
    if (!curve.points.length) continue;
    const figure = make(document.getElementById("curves"), "figure");
    make(figure, "h3", {}, `v${curve.version}: ${curve.check === "latency" ? `slower than ${data.slowMs} ms` : curve.check}`);
    draw(make(figure, "svg", { role: "img", "aria-label": `Bad answers of v${curve.version} against the bound` }), curve);
  }
}

function draw(svg, curve) {
  const width = 420, box = { left: 36, right: 408, top: 10, bottom: 150 };
  const [most] = curve.points[curve.points.length - 1];
  const reached = Math.max(...curve.points.map((p) => p[1]));
  const high = Math.max(4, reached, Math.min(...curve.points.slice(-1).map((p) => p[2]))) * 1.15;
  const x = (n) => box.left + (n / Math.max(1, most)) * (box.right - box.left);
  const y = (n) => box.bottom - (Math.min(n, high) / high) * (box.bottom - box.top);
  svg.setAttribute("viewBox", `0 0 ${width} 186`);
  const step = Math.max(1, Math.ceil(high / 4));
  for (let n = 0; n <= high; n += step) {
    make(svg, "line", { x1: box.left, x2: box.right, y1: y(n), y2: y(n), class: "grid" });
    make(svg, "text", { x: box.left - 6, y: y(n) + 4, "text-anchor": "end" }, String(n));
  }
  make(svg, "line", { x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom, class: "axis" });
  make(svg, "text", { x: box.left, y: 168 }, "0");
  make(svg, "text", { x: box.right, y: 168, "text-anchor": "end" }, number(most));
  make(svg, "text", { x: (box.left + box.right) / 2, y: 182, "text-anchor": "middle" }, "canary requests");
  const path = (column) => curve.points.map((p, i) => (i && column === 1 ? `H${x(p[0])}V${y(p[1])}` : `${i ? "L" : "M"}${x(p[0])},${y(p[column])}`)).join("");
  make(svg, "path", { d: path(2), fill: "none", stroke: "var(--soft)", "stroke-width": 1.4, "stroke-dasharray": "5 4" });
  make(svg, "path", { d: path(1), fill: "none", stroke: color(curve.version), "stroke-width": 2.2 });
  const [n, bad, bound] = curve.points[curve.points.length - 1];
  make(svg, "circle", { cx: x(n), cy: y(bad), r: 3.5, fill: bad >= bound ? "var(--bad)" : color(curve.version) });
  svg.addEventListener("pointermove", (event) => {
    const place = svg.getBoundingClientRect();
    const at = ((((event.clientX - place.left) / place.width) * width - box.left) / (box.right - box.left)) * most;
    const point = curve.points.reduce((a, b) => (Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a));
    showTip(event, `after ${number(point[0])} canary requests\n${point[1]} bad, the bound is ${point[2]}`);
  });
  svg.addEventListener("pointerleave", hideTip);
}

function facts() {
  const body = document.querySelector("#facts tbody");
  for (const fact of data.facts) {
    const row = make(body, "tr");
    make(row, "td", {}, clock(fact.at));
    make(make(row, "td"), "i", { style: `background:${fact.version ? color(fact.version) : "transparent"}` });
    make(row, "td", {}, fact.text);
  }
}

head();
legend();
timeline();
cards();
curves();
facts();
addEventListener("resize", timeline);
