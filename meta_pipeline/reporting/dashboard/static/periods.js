// The days that are picked, what they are compared with, and by how much figures changed.

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
