// The campaigns of a period, which sort by every column.

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
