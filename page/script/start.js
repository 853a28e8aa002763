// Ties the page's parts to the functions, and starts.

element("key-form").addEventListener("submit", keepKey);
element("csv").addEventListener("click", download);
element("more").addEventListener("click", more);
element("forget").addEventListener("click", () => {
  forgetKey();
  logs = emptyLogs();
  codes = emptyCodes();
  generation += 1;
  render();
  setState("loading", "Waiting for the key.");
  askForKey("");
});
element("skip").addEventListener("click", (event) => {
  event.preventDefault();
  element("main").focus();
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (event.defaultPrevented || link === null || !isPlain || link.download !== "") return;
  event.preventDefault();
  show(link.href);
});
element("key-dialog").addEventListener("cancel", (event) => {
  if (key() === null) event.preventDefault();
});
addEventListener("popstate", changeView);
addEventListener("online", poll);
addEventListener("offline", () => setState("offline", "Offline: this computer has no network."));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && state.name !== "key") poll();
});
setInterval(tick, 1000);
render();
poll();
