// Says whether the page is live; everything else is htmx.
(() => {
  const live = document.getElementById("live");
  const word = document.getElementById("live-word");
  const say = (on, text) => { live.classList.toggle("on", on); word.textContent = text; };
  live.addEventListener("htmx:sse:after:connection", () => say(true, "live"));
  live.addEventListener("htmx:sse:error", () => say(false, "no connection, trying again"));
  live.addEventListener("htmx:sse:close", () => say(false, "not live"));
  live.addEventListener("fleet", () => say(true, "live"));
  // A new filter begins on its first page.
  document.getElementById("q")?.addEventListener("input", () => {
    document.querySelector('input[name="after"]')?.remove();
  }, { capture: true });
})();
