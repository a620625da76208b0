// The tab Ads: tiles and what must be said of the days behind them.

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
