// Listens to the pickers and draws the page for the first time.

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
