// The tab Page and Instagram: no sum over a break, none of people.

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
    return [trend(dotted(points), { title: label, description: told(`${SURFACES[mine[0].surface] || mine[0].surface} ${mine[0].name || mine[0].asset}: ${label}`, points), kind: id === "follows" ? "level" : "count", shading: shades(days, period.from, period.to), width, height: 140, lines: true })];
  });
  if (!parts.length) {
    place.replaceChildren(el("p", { class: "quiet" }, "No figure in this period."));
    return;
  }
  embed(place, { $schema: "https://vega.github.io/schema/vega-lite/v6.json", config: CONFIG, concat: parts, columns, spacing: 22, description: `Trends of ${mine[0].surface} ${mine[0].asset} by day, ${span(period.from, period.to)}` });
}
