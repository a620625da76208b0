// The tab Freshness: how far each client's numbers go.

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
