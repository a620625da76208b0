"use strict";
// Adds up the figures of the page for what is picked. Days are days since 1970-01-01. Every text
// goes into the page as text, never as HTML. A figure that is not known is null, never 0.

const DATA = JSON.parse(document.getElementById("data").textContent);
const SETTLED = DATA.maturities.indexOf("attributing"); // from here on results hardly move
const FINAL = DATA.maturities.indexOf("final");
const LEAST_BASE = 10; // fewer of something say nothing in percent
const DAY = 86400000;
const DASH = "–";

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
