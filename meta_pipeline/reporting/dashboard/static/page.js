// What is picked, from the address and the pickers; the tabs; drawing all of it anew.

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
