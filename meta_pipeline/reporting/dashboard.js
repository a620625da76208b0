"use strict";
// Adds up the figures of the page for what is picked. Days are days since 1970-01-01. Every text
// goes into the page as text, never as HTML. A figure that is not known is null, never 0.

const DATA = JSON.parse(document.getElementById("data").textContent);
const SETTLED = DATA.maturities.indexOf("attributing"); // from here on results hardly move
const FINAL = DATA.maturities.indexOf("final");
const LEAST_BASE = 10; // fewer of something say nothing in percent
const DAY = 86400000;
const DASH = "–";

// --- data -----------------------------------------------------------------------------------------

/** A table's rows as objects; texts that repeat are stored once. */
function rows(table) {
  const names = Object.keys(table);
  const columns = names.map((name) =>
    Array.isArray(table[name]) ? table[name] : table[name].at.map((place) => table[name].of[place])
  );
  return (columns[0] || []).map((_, row) =>
    Object.fromEntries(names.map((name, column) => [name, columns[column][row]]))
  );
}

const loaded = new Map();

/** A client's tables as rows, made when it is first looked at. */
function tables(client) {
  if (!loaded.has(client.id)) {
    const names = ["daily", "campaigns", "platforms", "coverage", "organic", "names", "accounts", "reports"];
    loaded.set(client.id, Object.fromEntries(names.map((name) => [name, rows(client[name])])));
  }
  return loaded.get(client.id);
}

const MEASURES = ["spend", "impressions", "clicks", "link_clicks", "results"];

/** What the figures are made of, by day: for a currency, and for one platform or all. */
function series(client, currency, platform) {
  const own = tables(client);
  const days = new Map();
  for (const one of own.daily) {
    if (one.currency !== currency) continue;
    days.set(one.day, { ...one });
  }
  if (platform === "all") return days;
  for (const one of own.coverage) {
    if (one.currency !== currency || !days.has(one.day)) continue;
    const zero = one.platforms ? 0 : null;
    const sums = Object.fromEntries(MEASURES.map((name) => [name, zero]));
    days.set(one.day, {
      day: one.day, ...sums, expected: null, low: null, high: null, maturity: one.maturity,
      known: one.platforms, reason: one.platforms ? null : "the report by platform has no answer",
    });
  }
  for (const one of own.platforms) {
    if (one.currency !== currency || one.platform !== platform || !days.has(one.day)) continue;
    add(days.get(one.day), one);
  }
  return days;
}

/** Adds a row's figures; what is not known once is not known in the sum. */
function add(sum, row) {
  for (const name of MEASURES) {
    sum[name] = sum[name] === null || row[name] === null ? null : sum[name] + row[name];
  }
}

/** A sum whose rounding errors do not add up: amounts come out to the cent. */
function exactSum(values) {
  let sum = 0;
  let lost = 0;
  for (const value of values) {
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  return sum + lost;
}

/** Sums over the days from..to: what is known, and of how many days each figure is missing. */
function total(days, from, to) {
  const sums = { from, to, days: to - from + 1, missing: {} };
  for (const name of MEASURES) {
    const values = [];
    for (let day = from; day <= to; day++) {
      const one = days.get(day);
      if (one && one[name] !== null) values.push(one[name]);
    }
    sums.missing[name] = sums.days - values.length;
    sums[name] = values.length ? exactSum(values) : null;
  }
  return sums;
}

/** Ratios come from sums; without a denominator there is none. */
function ratio(part, whole) {
  return part === null || whole === null || !whole ? null : part / whole;
}

// good: whether more of it is good (1), bad (-1) or neither (0). needs: the sums behind it. base:
// what a percentage must have ten of.
const FIGURES = [
  { id: "spend", label: () => "Spend", kind: "money", good: 0, needs: ["spend"], of: (s) => s.spend },
  { id: "impressions", label: () => "Impressions", kind: "count", good: 1, needs: ["impressions"], base: "impressions", of: (s) => s.impressions },
  { id: "link_clicks", label: () => "Link clicks", kind: "count", good: 1, needs: ["link_clicks"], base: "link_clicks", of: (s) => s.link_clicks },
  { id: "ctr", label: () => `CTR (${CLICKS[state.clicks]})`, kind: "percent", good: 1, needs: () => [state.clicks, "impressions"], base: () => state.clicks, of: (s) => ratio(s[state.clicks], s.impressions) },
  { id: "cpc", label: () => `CPC (${CLICKS[state.clicks]})`, kind: "price", good: -1, needs: () => ["spend", state.clicks], base: () => state.clicks, of: (s) => ratio(s.spend, s[state.clicks]) },
  { id: "cpm", label: () => "CPM", kind: "price", good: -1, needs: ["spend", "impressions"], base: "impressions", of: (s) => ratio(s.spend === null ? null : 1000 * s.spend, s.impressions) },
  { id: "results", label: () => "Results", kind: "count", good: 1, needs: ["results"], base: "results", settles: true, of: (s) => s.results },
  { id: "cost_per_result", label: () => "Cost per result", kind: "price", good: -1, needs: ["spend", "results"], base: "results", settles: true, of: (s) => ratio(s.spend, s.results) },
];
const CLICKS = { link_clicks: "link clicks", clicks: "all clicks" };
const need = (figure) => (typeof figure.needs === "function" ? figure.needs() : figure.needs);
const base = (figure) => (typeof figure.base === "function" ? figure.base() : figure.base);

/** Of how many days a figure lacks what it is made of. */
const missing = (figure, sums) => Math.max(...need(figure).map((name) => sums.missing[name]));

/** A figure of a period: a ratio of sums over different days would be none. */
function valueOf(figure, sums) {
  const lacking = need(figure).map((name) => sums.missing[name]);
  if (lacking.some((count) => count !== lacking[0])) return null;
  return figure.of(sums);
}

// --- periods --------------------------------------------------------------------------------------

const iso = (day) => new Date(day * DAY).toISOString().slice(0, 10);
const fromIso = (text) => Math.round(Date.parse(`${text}T00:00:00Z`) / DAY);
const utc = (year, month, day) => Math.round(Date.UTC(year, month, day) / DAY);
const shown = (day) => `${new Date(day * DAY).getUTCDate()} ${MONTHS[new Date(day * DAY).getUTCMonth()]} ${new Date(day * DAY).getUTCFullYear()}`;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const span = (from, to) => (from === to ? shown(from) : `${shown(from)} to ${shown(to)}`);
const plural = (count, one) => `${COUNT.format(count)} ${one}${count === 1 ? "" : "s"}`;

const PERIODS = {
  7: "Last 7 days", 28: "Last 28 days", 30: "Last 30 days", month: "This month",
  "last-month": "Last month", all: "All days", custom: "From … to …",
};

/** Where periods end: the newest day that is over and known. */
function anchorOf(days) {
  const known = [...days.values()].filter((one) => one.known);
  const over = known.filter((one) => one.maturity === null || one.maturity > 0);
  const pick = over.length ? over : known;
  return pick.length ? Math.max(...pick.map((one) => one.day)) : null;
}

/** The days of a period and of the one it is compared with (null: with none). */
function periodOf(name, anchor, first, last) {
  const at = new Date(anchor * DAY);
  const [year, month] = [at.getUTCFullYear(), at.getUTCMonth()];
  if (name === "month") {
    const isWhole = anchor === utc(year, month + 1, 0);
    const end = utc(year, month, 0);
    const same = Math.min(utc(year, month - 1, 1) + at.getUTCDate() - 1, end);
    return { from: utc(year, month, 1), to: anchor, before: { from: utc(year, month - 1, 1), to: isWhole ? end : same } };
  }
  if (name === "last-month") {
    return {
      from: utc(year, month - 1, 1), to: utc(year, month, 0),
      before: { from: utc(year, month - 2, 1), to: utc(year, month - 1, 0) },
    };
  }
  if (name === "all") return { from: first, to: anchor, before: null };
  let [from, to] = [anchor - Number(name) + 1, anchor];
  if (name === "custom") [from, to] = [state.from ?? anchor - 29, state.to ?? anchor];
  return { from, to, before: { from: from - (to - from + 1), to: from - 1 } };
}

/** The last day up to which all days of a period are settled: results are compared up to it. */
function settledThrough(days, from, to) {
  let day = from - 1;
  while (day < to) {
    const one = days.get(day + 1);
    if (one && one.maturity !== null && one.maturity < SETTLED) break;
    day += 1;
  }
  return day;
}

/** The change against the period before, or why there is none. */
function changeOf(figure, days, period) {
  if (!period.before) return { why: null };
  let [now, before] = [period, period.before];
  let settled = null;
  if (figure.settles) {
    const last = settledThrough(days, period.from, period.to);
    if (last < period.from) return { why: "no day is settled yet" };
    if (last < period.to) {
      settled = last;
      now = { from: period.from, to: last };
      before = { from: before.from, to: Math.min(before.from + last - period.from, before.to) };
    }
  }
  const sums = [total(days, now.from, now.to), total(days, before.from, before.to)];
  const [value, old] = sums.map((one) => valueOf(figure, one));
  const found = { settled, old, value, span: span(before.from, before.to) };
  if (missing(figure, sums[0]) || missing(figure, sums[1])) {
    return { ...found, old: missing(figure, sums[1]) ? null : old, why: missing(figure, sums[1]) ? "the days before are not all known" : "not all days are known" };
  }
  if (value === null || old === null || old === 0) return { ...found, why: null };
  const name = base(figure);
  const isCount = figure.kind === "count";
  if (name && (sums[1][name] < LEAST_BASE || (!isCount && sums[0][name] < LEAST_BASE))) {
    return { ...found, why: `too few for a percentage (under ${LEAST_BASE})` };
  }
  return { ...found, share: (value - old) / old };
}

// --- numbers --------------------------------------------------------------------------------------

const COUNT = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const DECIMAL = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const PERCENT = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 2, maximumFractionDigits: 2 });
const CHANGE = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "exceptZero" });

/** An amount with its currency; Intl knows how many decimals that one has. */
function money(value, currency) {
  if (!currency) return `${DECIMAL.format(value)} (currency unknown)`;
  return new Intl.NumberFormat("en", { style: "currency", currency }).format(value);
}

function shownAs(kind, value, currency) {
  if (value === null || value === undefined) return DASH;
  if (kind === "money" || kind === "price") return money(value, currency);
  if (kind === "percent") return PERCENT.format(value);
  return DECIMAL.format(value);
}

// --- page -----------------------------------------------------------------------------------------

/** An element with attributes and children; strings become text. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const apart = (parts) => parts.map((one) => (typeof one === "string" ? el("span", {}, one) : one));
const bdi = (text) => el("bdi", {}, String(text));
const $ = (id) => document.getElementById(id);

const TABS = { ads: "Ads", organic: "Page and Instagram", freshness: "Freshness" };
const state = {
  client: null, currency: null, period: "30", from: null, to: null, platform: "all", clicks: "link_clicks",
  tab: "ads", sort: "spend", order: "descending",
};

function clientOf(id) {
  return DATA.clients.find((one) => one.id === id) || DATA.clients[0] || null;
}

/** Reads what is picked from the address, so that a view can be linked to. */
function readState() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const client = clientOf(asked.get("client"));
  state.client = client ? client.id : null;
  const currencies = client ? currenciesOf(client) : [];
  state.currency = currencies.includes(asked.get("currency")) ? asked.get("currency") : currencies[0] ?? null;
  const platforms = client ? platformsOf(client, state.currency) : [];
  state.platform = platforms.includes(asked.get("platform")) ? asked.get("platform") : "all";
  state.period = asked.get("period") in PERIODS ? asked.get("period") : "30";
  const day = (name) => (/^\d{4}-\d{2}-\d{2}$/.test(asked.get(name) || "") ? fromIso(asked.get(name)) : NaN);
  state.from = Number.isFinite(day("from")) ? day("from") : null;
  state.to = Number.isFinite(day("to")) ? day("to") : null;
  state.clicks = asked.get("clicks") in CLICKS ? asked.get("clicks") : "link_clicks";
  state.tab = asked.get("tab") in TABS ? asked.get("tab") : "ads";
  state.sort = COLUMNS.some((one) => one.id === asked.get("sort")) ? asked.get("sort") : "spend";
  state.order = asked.get("order") === "ascending" ? "ascending" : "descending";
}

function writeState(changes) {
  Object.assign(state, changes);
  const kept = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (value === null) continue;
    kept.set(name, name === "from" || name === "to" ? iso(value) : value);
  }
  history.replaceState(null, "", `#${kept}`);
  draw();
}

const unique = (values) => [...new Set(values)];
const currenciesOf = (client) => unique(tables(client).daily.map((one) => one.currency));
const platformsOf = (client, currency) =>
  unique(tables(client).platforms.filter((one) => one.currency === currency).map((one) => one.platform)).sort();
const readable = (text) => text.replaceAll("_", " ").replace(/^./, (sign) => sign.toUpperCase());

function fill(select, options, picked) {
  select.replaceChildren(...options.map(([value, label]) => el("option", { value, selected: value === picked ? "" : null }, label)));
  select.value = picked;
}

function drawPickers(client, period) {
  fill($("client"), DATA.clients.map((one) => [one.id, one.name]), client.id);
  const currencies = currenciesOf(client);
  fill($("currency"), currencies.map((one) => [String(one), one ?? "unknown"]), String(state.currency));
  $("currency-label").hidden = currencies.length < 2 || state.tab !== "ads";
  fill($("period"), Object.entries(PERIODS).sort(byPlace), state.period);
  const platforms = platformsOf(client, state.currency);
  fill($("platform"), [["all", "All platforms"], ...platforms.map((one) => [one, readable(one)])], state.platform);
  fill($("clicks"), Object.entries(CLICKS), state.clicks);
  for (const id of ["platform-label", "clicks-label"]) $(id).hidden = state.tab !== "ads";
  $("period").parentElement.hidden = state.tab === "freshness";
  for (const label of document.querySelectorAll(".custom")) {
    label.hidden = state.period !== "custom" || state.tab === "freshness";
  }
  if (period) {
    $("from").value = iso(period.from);
    $("to").value = iso(period.to);
  }
}

const ORDER = Object.fromEntries(["7", "28", "30", "month", "last-month", "all", "custom"].map((name, place) => [name, place]));
const byPlace = ([one], [other]) => ORDER[one] - ORDER[other];

function drawTabs() {
  $("tabs").replaceChildren(
    ...Object.entries(TABS).map(([id, label]) => {
      const tab = el("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-selected": String(id === state.tab), "aria-controls": "main", tabindex: id === state.tab ? "0" : "-1" }, label);
      tab.addEventListener("click", () => writeState({ tab: id }));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const ids = Object.keys(TABS);
        const next = ids[(ids.indexOf(id) + step + ids.length) % ids.length];
        writeState({ tab: next });
        $(`tab-${next}`).focus();
      });
      return tab;
    })
  );
  $("main").setAttribute("role", "tabpanel");
  $("main").setAttribute("aria-labelledby", `tab-${state.tab}`);
}

let drawing = 0;
let finalizers = [];

function draw() {
  drawing += 1;
  finalizers.forEach((end) => end());
  finalizers = [];
  const client = clientOf(state.client);
  const main = $("main");
  if (!client) {
    main.replaceChildren(el("p", { class: "notice" }, "The marts have no client yet. Run meta-pipeline sync."));
    return;
  }
  $("title").replaceChildren(bdi(client.name));
  document.title = `${client.name} – Meta dashboard`;
  drawTabs();
  const bodies = { ads: adsTab, organic: organicTab, freshness: freshnessTab };
  const { nodes, period, after } = bodies[state.tab](client);
  drawPickers(client, period);
  main.replaceChildren(...aged(), ...nodes.filter((node) => node !== null));
  if (after) after();
}

/** Says so when the page is old: only the reader's clock knows. */
function aged() {
  if (!DATA.pulled_at) return [];
  const hours = (Date.now() - Date.parse(`${DATA.pulled_at.replace(" ", "T")}:00Z`)) / 3600000;
  if (hours < 36) return [];
  return [el("p", { class: "notice", id: "aged" }, `These figures are ${plural(Math.floor(hours / 24), "day")} old. Run meta-pipeline sync and meta-pipeline dashboard for newer ones.`)];
}

// --- ads ------------------------------------------------------------------------------------------

function adsTab(client) {
  const days = series(client, state.currency, state.platform);
  const anchor = anchorOf(days);
  if (anchor === null) {
    const known = tables(client).daily.length ? "no day of these ad accounts is known yet" : "no ad account was pulled yet";
    return { nodes: [el("p", { class: "notice" }, `Nothing to show: ${known}. The tab Freshness says why.`)] };
  }
  const known = [...days.values()].filter((one) => one.known).map((one) => one.day);
  const period = periodOf(state.period, anchor, Math.min(...known), Math.max(...days.keys()));
  if (period.from > period.to) {
    return { nodes: [el("p", { class: "notice", id: "notice" }, "The first day lies after the last one.")], period };
  }
  const sums = total(days, period.from, period.to);
  const heading = el("p", { class: "span", id: "span" },
    el("strong", {}, span(period.from, period.to)),
    ` · amounts in ${state.currency ?? "an unknown currency"}`,
    period.before ? ` · compared with ${span(period.before.from, period.before.to)}` : "");
  const charts = el("div", { class: "charts", id: "charts" });
  const nodes = [
    heading, ...notices(client, days, period),
    el("div", { class: "tiles", id: "tiles" }, FIGURES.map((figure) => tile(figure, days, period, sums))),
    el("h2", {}, "Trends"), legend(days), charts,
    el("h2", {}, "Campaigns"), ...campaignTable(client, period),
  ];
  return { nodes, period, after: () => drawCharts(charts, days, period) };
}

function notices(client, days, period) {
  const texts = [];
  const gaps = [];
  for (let day = period.from; day <= period.to; day++) {
    const one = days.get(day);
    if (!one || !one.known) gaps.push([day, one ? one.reason : "never pulled"]);
  }
  if (gaps.length) {
    const reasons = unique(gaps.map(([, reason]) => reason || "no reason is known")).slice(0, 3).join("; ");
    const list = gaps.slice(0, 5).map(([day]) => shown(day)).join(", ") + (gaps.length > 5 ? ", …" : "");
    texts.push(`Incomplete: ${gaps.length} of ${plural(period.to - period.from + 1, "day")} not known (${list}): ${reasons}. Sums are of the known days.`);
  }
  const open = [...days.values()].filter((one) => one.day >= period.from && one.day <= period.to && one.maturity !== null && one.maturity < SETTLED);
  if (open.length) {
    const first = Math.min(...open.map((one) => one.day));
    texts.push(`Not settled from ${shown(first)}: ${plural(open.length, "day")} pulled less than 72 hours after their end.${period.before ? " Results and their cost are compared over the settled days before." : ""}`);
  }
  if (state.platform !== "all") {
    texts.push("One platform: Meta leaves conversions that happened off its own surfaces out of the report by platform, so results are too few here and their cost too high. Take both from all platforms.");
  }
  if (client.is_cut) texts.push(`This page holds figures since ${shown(client.since)}; older ones are in the marts.`);
  return texts.map((text) => el("p", { class: "notice" }, text));
}

function tile(figure, days, period, sums) {
  const value = valueOf(figure, sums);
  const text = shownAs(figure.kind, value, state.currency);
  const change = changeOf(figure, days, period);
  const lacking = missing(figure, sums);
  const more = [];
  if (lacking) more.push(el("span", { class: "tag" }, `incomplete: ${sums.days - lacking} of ${plural(sums.days, "day")}`));
  if (change.settled) {
    more.push(`Settled, to ${shown(change.settled)}: ${shownAs(figure.kind, change.value, state.currency)} against ${shownAs(figure.kind, change.old, state.currency)}`);
  }
  const expected = figure.id === "results" ? expectedOf(days, period) : null;
  if (expected !== null) more.push(`Estimate of the final number: ${DECIMAL.format(expected)}`);
  const before = [];
  if (change.share !== undefined) before.push(delta(change.share, figure.good));
  if (change.old !== undefined && !change.settled) before.push(`before: ${shownAs(figure.kind, change.old, state.currency)}`);
  if (change.why) before.push(change.why);
  return el("div", { class: "tile", id: `tile-${figure.id}`, "data-value": value === null ? "" : String(value), "data-delta": change.share === undefined ? "" : String(change.share) },
    el("div", { class: "label" }, figure.label()),
    el("div", { class: text.length > 12 ? "value long" : "value" }, text),
    el("div", { class: "before" }, apart(before)),
    more.length ? el("div", { class: "more" }, apart(more)) : null);
}

/** Colour means good or bad, not up or down; under 2 % it means nothing. */
function delta(share, good) {
  const judged = Math.abs(share) < 0.02 || !good ? "grey" : share * good > 0 ? "good" : "bad";
  return el("span", { class: `delta ${judged}` }, CHANGE.format(share));
}

/** The results that the period will probably have in the end, where a part of it is an estimate. */
function expectedOf(days, period) {
  let isEstimate = false;
  const values = [];
  for (let day = period.from; day <= period.to; day++) {
    const one = days.get(day);
    if (!one || one.expected === null) return null;
    if (one.maturity !== FINAL) isEstimate = true;
    values.push(one.expected);
  }
  return isEstimate ? exactSum(values) : null;
}

// --- charts ---------------------------------------------------------------------------------------

function legend(days) {
  const some = (test) => [...days.values()].some(test);
  const parts = [];
  if (some((one) => one.maturity !== null && one.maturity < SETTLED)) parts.push(el("span", {}, el("span", { class: "swatch dark" }), "not settled: pulled within 72 hours"));
  if (some((one) => one.maturity !== null && one.maturity >= SETTLED && one.maturity < FINAL)) parts.push(el("span", {}, el("span", { class: "swatch light" }), "late conversions may still arrive"));
  if (some((one) => one.expected !== null && one.maturity < FINAL)) parts.push(el("span", {}, el("span", { class: "swatch dot" }), "estimate of the final results, with its band"));
  parts.push(el("span", {}, "Drag over the upper chart to zoom; a click beside the selection ends it."));
  return el("p", { class: "legend" }, parts);
}

/** Stretches of days that are not final, for shading: ends are exclusive. */
function shades(days, from, to) {
  const found = [];
  for (let day = from; day <= to; day++) {
    const one = days.get(day);
    if (!one || one.maturity === null || one.maturity >= FINAL) continue;
    const shade = one.maturity < SETTLED ? "dark" : "light";
    const last = found.at(-1);
    if (last && last.shade === shade && last.end === day * DAY) last.end += DAY;
    else found.push({ start: day * DAY, end: (day + 1) * DAY, shade });
  }
  return found;
}

const X = { type: "temporal", scale: { type: "utc" }, axis: { title: null, format: "%-d %b", grid: false, labelOverlap: true, tickCount: 5 } };

const isNumber = (value) => typeof value === "number";

/** The layers of one trend: shading, the estimate's band, the line with its gaps, points. */
function trend(points, { title, kind, color = "#1f5fbf", shading, width, height, brush, lines, currency }) {
  const x = brush ? { ...X, scale: { ...X.scale, domain: { param: "zoom" } } } : X;
  const isLarge = points.some((one) => one.value !== null && one.value >= 10000);
  const format = { percent: ".2~%", level: ",.0f" }[kind] || (kind === "price" && !isLarge ? ",.2~f" : "~s");
  const axis = { title: null, tickCount: 4, format, minExtent: 42, maxExtent: 42 };
  const detail = lines ? { detail: { field: "line", type: "nominal" } } : {};
  const y = { field: "value", type: "quantitative", axis, scale: { zero: kind !== "level", nice: 4 } };
  const clip = { clip: true };
  const layers = [
    shading.length && {
      data: { values: shading }, mark: { type: "rect", ...clip, opacity: 1 },
      encoding: {
        x: { ...x, field: "start" }, x2: { field: "end" },
        color: { field: "shade", type: "nominal", legend: null, scale: { domain: ["dark", "light"], range: ["#cfd5de", "#edf0f4"] } },
      },
    },
    points.some((one) => isNumber(one.low) && isNumber(one.high)) && {
      transform: [{ filter: "isValid(datum.low) && isValid(datum.high)" }],
      mark: { type: "rule", ...clip, color: "#8fb2e8", strokeWidth: 5 },
      encoding: { x: { ...x, field: "at" }, y: { field: "low", type: "quantitative" }, y2: { field: "high" } },
    },
    {
      mark: { type: "line", ...clip, color, strokeWidth: 2, invalid: "break-paths-show-path-domains" },
      encoding: { x: { ...x, field: "at" }, y, ...detail },
    },
    points.some((one) => one.value !== null && one.dot) && {
      transform: [{ filter: "isValid(datum.value) && datum.dot" }],
      mark: { type: "point", ...clip, filled: true, color, size: 26, opacity: 1 },
      encoding: { x: { ...x, field: "at" }, y },
    },
    points.some((one) => isNumber(one.expected)) && {
      transform: [{ filter: "isValid(datum.expected)" }],
      mark: { type: "point", ...clip, filled: true, fill: "#ffffff", stroke: color, strokeWidth: 1.5, size: 30, opacity: 1 },
      encoding: { x: { ...x, field: "at" }, y: { field: "expected", type: "quantitative" } },
    },
    {
      transform: [{ filter: "isValid(datum.value)" }],
      mark: { type: "rule", ...clip, opacity: 0, strokeWidth: Math.max(4, width / Math.max(points.length, 1)) },
      encoding: {
        x: { ...x, field: "at" },
        tooltip: [
          { field: "day", title: "Day" }, { field: "text", title: title },
          ...(points.some((one) => one.estimate) ? [{ field: "estimate", title: "Final, estimate" }] : []),
          { field: "maturity", title: "State" },
          ...(lines ? [{ field: "metric", title: "Meta's metric" }] : []),
        ],
      },
    },
  ];
  return {
    data: { values: points }, width, height, layer: layers.filter(Boolean),
    title: { text: title, anchor: "start", fontSize: 13, fontWeight: 600, color: "#1b2430" },
  };
}

const CONFIG = {
  background: "transparent", view: { stroke: "#d9dee6" },
  font: 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif',
  axis: { labelColor: "#566173", gridColor: "#e6eaf0", domainColor: "#aab3c0", tickColor: "#aab3c0", labelFontSize: 11 },
};

const TRENDS = ["spend", "results", "ctr", "cost_per_result", "cpc", "cpm"];

/** A point a day, null where the day or the figure is not known. */
function pointsOf(figure, days, from, to) {
  const points = [];
  for (let day = from; day <= to; day++) {
    const one = days.get(day);
    const value = one ? figure.of(one) : null;
    const isResults = figure.id === "results" && one && one.maturity !== null && one.maturity < FINAL;
    points.push({
      at: (day + 0.5) * DAY, day: shown(day), value, text: shownAs(figure.kind, value, state.currency),
      maturity: one && one.maturity !== null ? DATA.maturities[one.maturity] : "not known",
      ...(isResults ? {
        low: one.low, high: one.high, expected: one.expected,
        estimate: one.expected === null ? null : DECIMAL.format(one.expected) + (one.low === null ? "" : ` (${DECIMAL.format(one.low)} to ${DECIMAL.format(one.high)})`),
      } : {}),
    });
  }
  return dotted(points);
}

/** Marks the points that no line reaches, and all of a short period. */
function dotted(points) {
  const isKnown = (one) => one !== undefined && one.value !== null;
  points.forEach((one, place) => {
    one.dot = points.length <= 45 || !(isKnown(points[place - 1]) || isKnown(points[place + 1]));
  });
  return points;
}

/** The period's days, and as many around a short one as show where they come from. */
function drawCharts(place, days, period) {
  const all = [...days.keys()];
  const figures = TRENDS.map((id) => FIGURES.find((one) => one.id === id));
  const [first, last] = [Math.min(...all, period.from), Math.max(...all, period.to)];
  const shading = shades(days, first, last);
  const inner = Math.max(place.clientWidth - 24, 240);
  const columns = inner > 1050 ? 3 : inner > 620 ? 2 : 1;
  const width = Math.floor((inner - 22 * (columns - 1)) / columns) - 58;
  const from = period.from * DAY;
  const to = (period.to + 1) * DAY;
  // A drag inside a selection moves it: one of everything would be in the way.
  const start = period.from > first || period.to < last ? { value: { x: [from, to] } } : {};
  const overview = {
    data: { values: pointsOf(figures[0], days, first, last) }, width: inner - 58, height: 46,
    title: { text: `Zoom: ${shown(first)} to ${shown(last)}`, anchor: "start", fontSize: 12, fontWeight: 400, color: "#566173" },
    layer: [
      shading.length && { data: { values: shading }, mark: "rect", encoding: { x: { ...X, field: "start" }, x2: { field: "end" }, color: { field: "shade", type: "nominal", legend: null, scale: { domain: ["dark", "light"], range: ["#cfd5de", "#edf0f4"] } } } },
      {
        params: [{ name: "zoom", select: { type: "interval", encodings: ["x"], mark: { fill: "#1f5fbf", fillOpacity: 0.14, stroke: "#1f5fbf" } }, ...start }],
        mark: { type: "area", color: "#8795a8", opacity: 0.75, line: false },
        encoding: { x: { ...X, field: "at" }, y: { field: "value", type: "quantitative", axis: null } },
      },
    ].filter(Boolean),
  };
  const parts = figures.map((figure) =>
    trend(pointsOf(figure, days, first, last), { title: figure.label() + (figure.kind === "money" || figure.kind === "price" ? ` (${state.currency ?? "?"})` : ""), kind: figure.kind, shading, width, height: 150, brush: true })
  );
  const spec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json", config: CONFIG, spacing: 18,
    vconcat: [overview, { concat: parts, columns, spacing: 22 }],
    description: `Trends by day from ${shown(first)} to ${shown(last)}: ${figures.map((one) => one.label()).join("; ")}. The same figures of the period stand in the tiles above.`,
  };
  embed(place, spec);
}

function embed(place, spec) {
  const mine = drawing;
  // `ast`: expressions are interpreted, since the policy of this page forbids making code of text.
  vegaEmbed(place, spec, { actions: false, renderer: "svg", ast: true, defaultStyle: false, tooltip: { disableDefaultStyle: true } })
    .then(({ finalize }) => {
      if (mine === drawing) finalizers.push(finalize);
      else finalize();
      place.setAttribute("data-drawn", "true");
    })
    .catch((error) => {
      place.replaceChildren(el("p", { class: "notice" }, `The charts cannot be drawn: ${error.message}`));
    });
}

// --- campaigns ------------------------------------------------------------------------------------

const COLUMNS = [
  { id: "name", label: () => "Campaign", kind: "text", of: (row) => row.name },
  { id: "status", label: () => "Status now", kind: "text", of: (row) => row.status },
  ...FIGURES.map((figure) => ({ id: figure.id, label: figure.label, kind: figure.kind, of: (row) => figure.of(row) })),
];

function campaignTable(client, period) {
  const own = tables(client);
  const isOne = state.platform !== "all";
  const source = isOne ? own.platforms : own.campaigns;
  const known = isOne ? "platforms" : "campaigns";
  const names = new Map(own.names.map((one) => [`${one.account}/${one.campaign}`, one]));
  const found = new Map();
  for (const one of source) {
    if (one.currency !== state.currency || one.day < period.from || one.day > period.to) continue;
    if (isOne && one.platform !== state.platform) continue;
    const key = `${one.account}/${one.campaign}`;
    if (!found.has(key)) {
      const named = names.get(key) || {};
      found.set(key, { key, name: named.name || one.campaign, status: readable((named.status || DASH).toLowerCase()), values: [] });
    }
    found.get(key).values.push(one);
  }
  const list = [...found.values()].map(({ values, ...row }) => ({ ...row, ...summed(values) }));
  const whole = summed([...found.values()].flatMap((one) => one.values));
  const column = COLUMNS.find((one) => one.id === state.sort);
  const sign = state.order === "ascending" ? 1 : -1;
  list.sort((one, other) => compared(column.of(one), column.of(other), sign) || compared(one.key, other.key, 1));
  const days = new Set(own.coverage.filter((one) => one.currency === state.currency && one[known]).map((one) => one.day));
  let gaps = 0;
  for (let day = period.from; day <= period.to; day++) if (!days.has(day)) gaps += 1;
  const head = COLUMNS.map((one) => {
    const button = el("button", { type: "button", "data-sort": one.id }, one.label());
    button.addEventListener("click", () => {
      const isSame = state.sort === one.id;
      const first = one.kind === "text" ? "ascending" : "descending";
      const other = { ascending: "descending", descending: "ascending" };
      writeState({ sort: one.id, order: isSame ? other[state.order] : first });
      const again = document.querySelector(`[data-sort="${one.id}"]`);
      if (again) again.focus();
    });
    return el("th", { class: one.kind === "text" ? null : "num", scope: "col", "aria-sort": state.sort === one.id ? state.order : "none" }, button);
  });
  const cells = (row) => COLUMNS.map((one) => {
    const text = one.kind === "text" ? one.of(row) : shownAs(one.kind, one.of(row), state.currency);
    return el("td", { class: one.id === "name" ? "name" : one.kind === "text" ? "status" : "num", "data-column": one.id }, one.kind === "text" ? bdi(text) : text);
  });
  const note = gaps ? [el("p", { class: "notice" }, `Incomplete: the report ${isOne ? "by platform" : "by campaign"} lacks ${gaps} of ${plural(period.to - period.from + 1, "day")}.`)] : [];
  if (!list.length) return [...note, el("p", { class: "quiet" }, "No campaign delivered in this period.")];
  const table = el("table", { id: "campaigns" },
    el("thead", {}, el("tr", {}, head)),
    el("tbody", {}, list.map((row) => el("tr", { "data-key": row.key }, cells(row)))),
    el("tfoot", {}, el("tr", {}, cells({ ...whole, name: `${plural(list.length, "campaign")}, added up`, status: "" }))));
  return [...note, el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Campaigns" }, table)];
}

function summed(values) {
  return Object.fromEntries(MEASURES.map((name) => {
    const parts = values.map((one) => one[name]);
    return [name, parts.includes(null) ? null : exactSum(parts)];
  }));
}

/** What is not known comes last, whichever way it is sorted. */
function compared(one, other, sign) {
  if (one === null || other === null) return (one === null) - (other === null);
  if (typeof one === "string") return sign * one.localeCompare(other, "en");
  return sign * (one - other);
}

// --- Pages and Instagram --------------------------------------------------------------------------

const ORGANIC = [
  { id: "views", label: "Views" }, { id: "viewers", label: "Viewers, one day" },
  { id: "interactions", label: "Interactions" }, { id: "new_follows", label: "New follows" },
  { id: "unfollows", label: "Unfollows" }, { id: "follows", label: "Followers" },
];
const SURFACES = { page: "Page", instagram: "Instagram" };

function organicTab(client) {
  const own = tables(client).organic;
  if (!own.length) return { nodes: [el("p", { class: "notice" }, "No figure of a Page or an Instagram account is known. The tab Freshness says why, if the client has one.")] };
  const newest = Math.max(...own.map((one) => one.day));
  const oldest = Math.min(...own.map((one) => one.day));
  const ads = anchorOf(series(client, state.currency, "all"));
  const period = periodOf(state.period, ads ?? newest, oldest, newest);
  if (period.from > period.to) return { nodes: [el("p", { class: "notice" }, "The first day lies after the last one.")], period };
  const places = [];
  const nodes = [
    el("p", { class: "span", id: "span" }, el("strong", {}, span(period.from, period.to)), " · days in Pacific time, as Meta cuts them for Pages and Instagram",
      period.before ? ` · compared with ${span(period.before.from, period.before.to)}` : ""),
  ];
  for (const asset of unique(own.map((one) => `${one.surface}/${one.asset}`)).sort().reverse()) {
    const mine = own.filter((one) => `${one.surface}/${one.asset}` === asset);
    const place = el("div", { class: "charts" });
    places.push([place, mine]);
    const { surface, name } = mine[0];
    nodes.push(
      el("h2", {}, `${SURFACES[surface] || surface} `, bdi(name || mine[0].asset)),
      el("div", { class: "tiles organic", "data-asset": asset }, ORGANIC.filter((one) => mine.some((row) => row.canonical === one.id)).map((one) => organicTile(one, mine.filter((row) => row.canonical === one.id), period))),
      el("p", { class: "legend" }), place, breaks(mine));
  }
  nodes.push(el("p", { class: "quiet" }, "Viewers are people: those of two days overlap, so they are never added. A line ends where Meta's metric or what it counts changes."));
  return { nodes, period, after: () => places.forEach(([place, mine]) => drawOrganic(place, mine, period)) };
}

function breaks(mine) {
  const texts = [];
  for (const { id, label } of ORGANIC) {
    const list = mine.filter((row) => row.canonical === id);
    list.forEach((row, place) => {
      if (place && row.series !== list[place - 1].series) texts.push(`${label}: from ${shown(row.day)} on Meta's metric is ${row.metric} (before: ${list[place - 1].metric}); the two are not compared.`);
    });
  }
  return texts.length ? el("div", {}, texts.map((text) => el("p", { class: "notice" }, text))) : null;
}

function organicTile(figure, list, period) {
  const days = new Map(list.map((row) => [row.day, row]));
  const last = Math.min(period.to, Math.max(...days.keys()));
  const box = (value, before, more) => el("div", { class: "tile", "data-organic": figure.id, "data-value": value === null ? "" : String(value) },
    el("div", { class: "label" }, figure.label), el("div", { class: "value" }, value === null ? DASH : COUNT.format(value)),
    el("div", { class: "before" }, apart(before)), more.length ? el("div", { class: "more" }, apart(more)) : null);
  if (last < period.from) return box(null, ["no figure in this period"], []);
  if (!list[0].additive) {
    const row = days.get(last);
    const text = figure.id === "follows" ? `at the end of ${shown(last)}` : `on ${shown(last)}`;
    const old = days.get(period.from - 1);
    const grown = figure.id === "follows" && old && row && old.series === row.series ? [`${row.value - old.value >= 0 ? "+" : "−"}${COUNT.format(Math.abs(row.value - old.value))} in the period`] : [];
    return box(row ? row.value : null, [text, ...grown], []);
  }
  const now = organicSum(days, period.from, last);
  const more = [];
  if (now.broken) more.push("the metric changed within these days: no sum over both");
  if (last < period.to) more.push(`through ${shown(last)}`);
  if (now.gaps) more.push(el("span", { class: "tag" }, `incomplete: ${now.days - now.gaps} of ${plural(now.days, "day")}`));
  const before = [];
  if (period.before && now.value !== null) {
    const end = Math.min(period.before.from + last - period.from, period.before.to);
    const old = organicSum(days, period.before.from, last < period.to ? end : period.before.to);
    if (old.gaps) before.push("the days before are not all known");
    else if (old.broken || old.series !== now.series) before.push("not comparable: the metric changed");
    else {
      if (!now.gaps && old.value >= LEAST_BASE) before.push(delta((now.value - old.value) / old.value, figure.id === "unfollows" ? -1 : 1));
      before.push(`before: ${COUNT.format(old.value)}`);
    }
  }
  return box(now.value, before, more);
}

function organicSum(days, from, to) {
  let [value, gaps] = [0, 0];
  const lines = new Set();
  for (let day = from; day <= to; day++) {
    const row = days.get(day);
    if (!row) { gaps += 1; continue; }
    value += row.value;
    lines.add(row.series);
  }
  const broken = lines.size > 1;
  return { value: broken || !lines.size ? null : value, gaps, broken, series: [...lines][0], days: to - from + 1 };
}

function drawOrganic(place, mine, period) {
  const inner = Math.max(place.clientWidth - 24, 240);
  const columns = inner > 1050 ? 3 : inner > 620 ? 2 : 1;
  const width = Math.floor((inner - 22 * (columns - 1)) / columns) - 58;
  const parts = ORGANIC.filter((one) => one.id !== "unfollows").flatMap(({ id, label }) => {
    const days = new Map(mine.filter((row) => row.canonical === id).map((row) => [row.day, row]));
    if (![...days.keys()].some((day) => day >= period.from && day <= period.to)) return [];
    const points = [];
    for (let day = period.from; day <= period.to; day++) {
      const row = days.get(day);
      points.push({ at: (day + 0.5) * DAY, day: shown(day), value: row ? row.value : null, text: row ? COUNT.format(row.value) : DASH, line: row ? row.series : null, metric: row ? row.metric : null, maturity: row ? DATA.maturities[row.maturity] : "not known" });
    }
    // A gap belongs to the line before it, and breaks it.
    points.forEach((one, at) => { if (one.line === null) one.line = at ? points[at - 1].line : "none"; });
    return [trend(dotted(points), { title: label, kind: id === "follows" ? "level" : "count", shading: shades(days, period.from, period.to), width, height: 140, lines: true })];
  });
  if (!parts.length) {
    place.replaceChildren(el("p", { class: "quiet" }, "No figure in this period."));
    return;
  }
  embed(place, { $schema: "https://vega.github.io/schema/vega-lite/v6.json", config: CONFIG, concat: parts, columns, spacing: 22, description: `Trends of ${mine[0].surface} ${mine[0].asset} by day, ${span(period.from, period.to)}` });
}

// --- freshness ------------------------------------------------------------------------------------

function table(id, head, body) {
  return el("div", { class: "scroll" }, el("table", { id },
    el("thead", {}, el("tr", {}, head.map(([label, isNumber]) => el("th", { class: isNumber ? "num" : null, scope: "col" }, label)))),
    el("tbody", {}, body.map((cells) => el("tr", {}, cells.map((cell, place) => el("td", { class: head[place][1] ? "num" : null }, cell)))))));
}

function freshnessTab(client) {
  const day = (value) => (value === null || value === undefined ? DASH : shown(value));
  const clients = DATA.clients.map((one) => {
    const fresh = one.freshness;
    if (!fresh) return [bdi(one.name), "not in clients.yml", DASH, DASH, DASH, DASH, DASH, DASH];
    const states = Object.entries(fresh.days).map(([name, count]) => `${count} ${name}`).join(", ");
    return [bdi(one.name), el("span", { class: `state ${fresh.state === "fresh" ? "fresh" : "other"}` }, fresh.state), day(fresh.data_through), day(fresh.settled_through), fresh.last_pull ?? DASH, COUNT.format(fresh.gaps), COUNT.format(fresh.late), states || DASH];
  });
  const labels = new Map(tables(client).accounts.map((one) => [one.account, one.name]));
  // A month stands under its first day.
  const end = (one, value) => (one.report.endsWith("_monthly") && value !== null ? shown(value).slice(2) : day(value));
  const reports = tables(client).reports.map((one) => [
    one.report, bdi(labels.get(one.asset) || one.asset), end(one, one.through), COUNT.format(one.known), COUNT.format(one.missing),
    one.missing ? end(one, one.newest_missing) : DASH, COUNT.format(one.beyond), one.reason ? bdi(one.reason) : DASH,
  ]);
  return {
    nodes: [
      el("h2", {}, "Clients"),
      table("clients", [["Client"], ["State"], ["Data through"], ["Settled through"], ["Last pull (UTC)"], ["Gaps (days)", 1], ["Late (days)", 1], ["Days by maturity"]], clients),
      el("p", { class: "quiet" }, "States are as of the newest pull. Settled: every day up to it was pulled 72 hours or more after its end. Late: a pull that is wanting."),
      el("h2", {}, "Reports of ", bdi(client.name)),
      reports.length ? table("reports", [["Report"], ["Asset"], ["Data through"], ["Known", 1], ["Missing", 1], ["Newest missing"], ["No longer kept", 1], ["Why the newest is missing"]], reports) : el("p", { class: "notice" }, "No report was pulled yet. Run meta-pipeline sync."),
    ],
  };
}

// --- wiring ---------------------------------------------------------------------------------------

function listen() {
  const picked = (id, more = () => ({})) => $(id).addEventListener("change", () => writeState({ [id]: $(id).value, ...more() }));
  picked("client", () => ({ currency: currenciesOf(clientOf($("client").value))[0] ?? null, platform: "all" }));
  $("currency").addEventListener("change", () => {
    const value = $("currency").value;
    writeState({ currency: value === "null" ? null : value, platform: "all" });
  });
  picked("period");
  picked("platform");
  picked("clicks");
  for (const id of ["from", "to"]) {
    $(id).addEventListener("change", () => { if ($(id).value) writeState({ [id]: fromIso($(id).value) }); });
  }
  $("pickers").addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", () => { readState(); draw(); });
  let width = window.innerWidth;
  let waiting = null;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(draw, 150);
  });
}

if (DATA.pulled_at) $("pulled").textContent = `Newest pull ${DATA.pulled_at} UTC`;
if (DATA.index) $("pulled").append(" · ", el("a", { href: DATA.index }, "all clients"));
listen();
readState();
draw();
