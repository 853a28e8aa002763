// The API key: in this tab, or by choice in this browser.

function key() {
  return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
}

function askForKey(complaint) {
  element("key-error").textContent = complaint;
  const dialog = element("key-dialog");
  if (!dialog.open) dialog.showModal();
  element("key").select();
}

function keepKey(event) {
  event.preventDefault();
  const value = element("key").value.trim();
  if (!isHeaderText(value)) return askForKey("A key has only letters, digits and signs of ASCII.");
  forgetKey();
  (element("keep").checked ? localStorage : sessionStorage).setItem(KEY, value);
  element("key").value = "";
  element("key-dialog").close();
  setState("loading", "Loading");
  failures = 0;
  poll();
}

function isHeaderText(text) {
  return text !== "" && [...text].every((sign) => sign > " " && sign <= "~");
}

function forgetKey() {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}
