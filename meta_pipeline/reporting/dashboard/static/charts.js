// Trends by day, with a sentence for whoever cannot see them.

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

/** What a chart of points shows, in a sentence: it stands for the chart where none is seen. */
function told(label, points) {
  const known = points.filter((one) => one.value !== null);
  const head = `${label} by day, ${points[0].day} to ${points.at(-1).day}`;
  if (!known.length) return `${head}: no day is known.`;
  const low = known.reduce((least, one) => (one.value < least.value ? one : least));
  const high = known.reduce((most, one) => (one.value > most.value ? one : most));
  const parts = [`${low.text} on ${low.day} is the lowest, ${high.text} on ${high.day} the highest`, `${known.at(-1).text} on ${known.at(-1).day} the newest`];
  const count = (test, what) => {
    const found = points.filter(test).length;
    if (found) parts.push(`${plural(found, "day")} ${what}`);
  };
  count((one) => one.value === null, "not known");
  count((one) => DATA.maturities.slice(0, SETTLED).includes(one.maturity), "not settled");
  count((one) => isNumber(one.expected), "with an estimate of the final number");
  return `${head}: ${parts.join("; ")}.`;
}

/** The layers of one trend: shading, the estimate's band, the line with its gaps, points. */
function trend(points, { title, description, kind, color = "#1f5fbf", shading, width, height, brush, lines, currency }) {
  const x = brush ? { ...X, scale: { ...X.scale, domain: { param: "zoom" } } } : X;
  const isLarge = points.some((one) => one.value !== null && one.value >= 10000);
  const format = { percent: ".2~%", level: ",.0f" }[kind] || (kind === "price" && !isLarge ? ",.2~f" : "~s");
  const axis = { title: null, tickCount: 4, format, minExtent: 42, maxExtent: 42 };
  const detail = lines ? { detail: { field: "line", type: "nominal" } } : {};
  const y = { field: "value", type: "quantitative", axis, scale: { zero: kind !== "level", nice: 4 } };
  // Readers get the chart's sentence, not hundreds of marks.
  const clip = { clip: true, aria: false };
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
      mark: { type: "rule", ...clip, color: "#5b8bd9", strokeWidth: 3 },
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
      mark: { type: "point", ...clip, filled: true, fill: "#ffffff", stroke: color, strokeWidth: 1.5, size: 16, opacity: 1 },
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
    data: { values: points }, width, height, layer: layers.filter(Boolean), description,
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
    description: `A strip to zoom over. ${told(figures[0].label(), pointsOf(figures[0], days, first, last))}`,
    title: { text: `Zoom: ${shown(first)} to ${shown(last)}`, anchor: "start", fontSize: 12, fontWeight: 400, color: "#566173" },
    layer: [
      shading.length && { data: { values: shading }, mark: { type: "rect", aria: false }, encoding: { x: { ...X, field: "start" }, x2: { field: "end" }, color: { field: "shade", type: "nominal", legend: null, scale: { domain: ["dark", "light"], range: ["#cfd5de", "#edf0f4"] } } } },
      {
        params: [{ name: "zoom", select: { type: "interval", encodings: ["x"], mark: { fill: "#1f5fbf", fillOpacity: 0.14, stroke: "#1f5fbf" } }, ...start }],
        mark: { type: "area", color: "#8795a8", opacity: 0.75, line: false, aria: false },
        encoding: { x: { ...X, field: "at" }, y: { field: "value", type: "quantitative", axis: null } },
      },
    ].filter(Boolean),
  };
  const parts = figures.map((figure) =>
    trend(pointsOf(figure, days, first, last), { description: told(figure.label(), pointsOf(figure, days, period.from, period.to)), title: figure.label() + (figure.kind === "money" || figure.kind === "price" ? ` (${state.currency ?? "?"})` : ""), kind: figure.kind, shading, width, height: 150, brush: true })
  );
  const spec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json", config: CONFIG, spacing: 18,
    vconcat: [overview, { concat: parts, columns, spacing: 22 }],
    description: `Trends by day from ${shown(first)} to ${shown(last)}. The same figures of the period stand in the tiles above.`,
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
