// How numbers are written.

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
